namespace LlmService.Inference.Kernels;

/// <summary>Buffers that are used again and again, for more each time.</summary>
internal static class GrowingBuffer
{
    // Steps grow little by little, and what each of them outgrew would lie about until the next collection. What is not used of a buffer takes no memory.
    private const double Growth = 1.5;

    /// <summary>A buffer that holds so much: the earlier one, or a larger one whose contents are undefined.</summary>
    /// <param name="earlier">The one so far.</param>
    /// <param name="count">Numbers that it has to hold.</param>
    /// <param name="isPinned">Whether it must not move.</param>
    public static T[] Grow<T>(T[] earlier, int count, bool isPinned = false)
        where T : unmanaged =>
        earlier.Length >= count ? earlier : GC.AllocateUninitializedArray<T>((int)Math.Clamp((long)(Growth * earlier.Length), count, Math.Max(count, Array.MaxLength)), isPinned);
}
