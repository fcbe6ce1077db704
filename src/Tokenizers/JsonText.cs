using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace LlmService.Tokenizers;

/// <summary>Reads strings of a JSON file into one buffer: files have hundreds of thousands, and few are needed as strings.</summary>
internal sealed class JsonText : IDisposable
{
    private char[] _buffer = ArrayPool<char>.Shared.Rent(256);

    /// <summary>The string at the reader; good until the next call.</summary>
    /// <param name="place">Where complaints place it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ReadOnlySpan<char> Read(ref Utf8JsonReader reader, JsonPart place)
    {
        if (reader.ValueSpan.Length > _buffer.Length)
        {
            ArrayPool<char>.Shared.Return(_buffer);
            _buffer = ArrayPool<char>.Shared.Rent(reader.ValueSpan.Length);
        }

        try
        {
            return _buffer.AsSpan(0, reader.CopyString(_buffer));
        }
        catch (InvalidOperationException)
        {
            throw place.Corrupt("holds a string that is not valid");
        }
    }

    public void Dispose() => ArrayPool<char>.Shared.Return(_buffer);
}
