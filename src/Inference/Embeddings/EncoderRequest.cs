namespace LlmService.Inference.Embeddings;

/// <summary>A request in the queue of an encoder: some texts, and what came out of those that are done. All but <see cref="Result"/> is the engine thread's.</summary>
/// <param name="texts">The texts, at least one.</param>
/// <param name="cancellation">Whether the caller has gone.</param>
internal sealed class EncoderRequest(IReadOnlyList<EncoderText> texts, CancellationToken cancellation)
{
    private readonly TaskCompletionSource<float[][]> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly float[][] _vectors = new float[texts.Count][];
    private int _done;

    /// <summary>The vectors or scores of all texts.</summary>
    public Task<float[][]> Result => _result.Task;

    /// <summary>Whether nobody waits for the result any more.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>The next text that is to be computed.</summary>
    public int Next { get; set; }

    /// <summary>Whether there is such a text.</summary>
    public bool HasNext => Next < texts.Count;

    /// <summary>Tokens that were computed for the request, counted from what others had got when it came.</summary>
    public long Served { get; set; }

    /// <summary>Whether it has its result, or an exception.</summary>
    public bool IsEnded { get; set; }

    public EncoderText this[int text] => texts[text];

    /// <summary>Keeps the result of a text.</summary>
    /// <returns>Whether it was the last one.</returns>
    public bool Keep(int text, float[] vector)
    {
        _vectors[text] = vector;
        return ++_done == texts.Count;
    }

    /// <summary>Hands the results out.</summary>
    public void Complete() => _result.TrySetResult(_vectors);

    public void Fail(Exception exception) => _result.TrySetException(exception);

    public void FailCancelled() => _result.TrySetCanceled(cancellation);
}
