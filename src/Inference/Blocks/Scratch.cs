namespace LlmService.Inference.Blocks;

/// <summary>Buffers that a pass uses again and again. A buffer of a name is valid until the name is asked for again.</summary>
internal sealed class Scratch
{
    // Steps grow little by little, and what each of them outgrew would lie about until the next collection. What is not used of a buffer takes no memory.
    private const double Growth = 1.5;

    private readonly Dictionary<string, float[]> _buffers = new(StringComparer.Ordinal);

    public Memory<float> Take(string name, int count)
    {
        if (!_buffers.TryGetValue(name, out float[]? buffer) || buffer.Length < count)
            _buffers[name] = buffer = Grow(buffer, count);
        return buffer.AsMemory(0, count);
    }

    /// <summary>A buffer that holds so much, and more than an earlier one. What is in it is undefined.</summary>
    /// <param name="earlier">Null for none.</param>
    /// <param name="count">Numbers that it has to hold.</param>
    public static float[] Grow(float[]? earlier, int count) =>
        GC.AllocateUninitializedArray<float>((int)Math.Clamp((long)(Growth * (earlier?.Length ?? 0)), count, Math.Max(count, Array.MaxLength)));

    /// <summary>Gives all buffers up.</summary>
    /// <returns>Their bytes.</returns>
    public long Release()
    {
        long bytes = _buffers.Values.Sum(buffer => (long)buffer.Length) * sizeof(float);
        _buffers.Clear();
        return bytes;
    }
}
