using System.Buffers;

namespace LlmService.Inference.Sampling;

/// <summary>Keeps the k best tokens, and those that are as good as the last of them.</summary>
internal sealed class TopK(int k) : LogitsProcessor
{
    /// <inheritdoc/>
    public override void Apply(TokenHistory history, Span<float> scores)
    {
        if (k >= scores.Length)
            return;

        DropBelow(LargestAt(scores), scores, scores);
    }

    /// <summary>The k-th largest score, by a heap of the k largest seen so far with the smallest of them on top.</summary>
    private float LargestAt(ReadOnlySpan<float> scores)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(k);
        Span<float> heap = rented.AsSpan(0, k);
        scores[..k].CopyTo(heap);
        for (int i = (k / 2) - 1; i >= 0; i--)
            SiftDown(heap, i);

        foreach (float score in scores[k..])
        {
            if (score <= heap[0])
                continue;
            heap[0] = score;
            SiftDown(heap, 0);
        }

        float smallest = heap[0];
        ArrayPool<float>.Shared.Return(rented);
        return smallest;
    }

    private static void SiftDown(Span<float> heap, int parent)
    {
        float value = heap[parent];
        for (int child = (2 * parent) + 1; child < heap.Length; child = (2 * parent) + 1)
        {
            if (child + 1 < heap.Length && heap[child + 1] < heap[child])
                child++;
            if (heap[child] >= value)
                break;
            heap[parent] = heap[child];
            parent = child;
        }

        heap[parent] = value;
    }
}
