using System.Buffers;
using System.Text.Json;
using LlmService.App.Http;

namespace LlmService.App.Cli;

/// <summary>Answers JSON Lines: one line each, in order, at once.</summary>
internal static class JsonLines
{
    /// <summary>Reads to the end and answers every line.</summary>
    public static int Run(TextReader input, TextWriter output, Func<string, string> answer, CancellationToken cancellationToken)
    {
        while (input.ReadLine() is { } line)
        {
            cancellationToken.ThrowIfCancellationRequested();
            output.Write(answer(line));
            output.Write('\n');
            output.Flush();
        }
        return 0;
    }

    /// <summary>One JSON object as a line.</summary>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, JsonAnswer.Options))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
