using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>Buffers that a pass uses again and again. A buffer of a name is valid until the name is asked for again.</summary>
internal sealed class Scratch
{
    private readonly Dictionary<string, float[]> _buffers = new(StringComparer.Ordinal);

    public Memory<float> Take(string name, int count)
    {
        if (!_buffers.TryGetValue(name, out float[]? buffer) || buffer.Length < count)
            _buffers[name] = buffer = GrowingBuffer.Grow(buffer ?? [], count);
        return buffer.AsMemory(0, count);
    }

    /// <summary>Gives all buffers up.</summary>
    /// <returns>Their bytes.</returns>
    public long Release()
    {
        long bytes = _buffers.Values.Sum(buffer => (long)buffer.Length) * sizeof(float);
        _buffers.Clear();
        return bytes;
    }
}
