using LlmService.Inference.Architectures;

namespace LlmService.Inference.Embeddings;

/// <summary>Turns texts into vectors or scores. Safe for concurrent use: requests take turns, in passes of a bounded number of tokens.</summary>
public sealed class TextEmbedder : IAsyncDisposable
{
    private readonly TextEncoder _encoder;
    private readonly PoolingConfiguration _pooling;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly int _passTokens;
    private readonly int _maxWaiting;
    private int _waiting;
    private bool _isDisposed;

    internal TextEmbedder(TextEncoder encoder, PoolingConfiguration pooling, EngineOptions options)
    {
        (_encoder, _pooling, _passTokens, _maxWaiting) = (encoder, pooling, options.ExactOnnxArithmetic ? 0 : options.PrefillChunkTokens, options.MaxRunningSequences + options.MaxWaitingRequests);
    }

    /// <summary>Width of a vector.</summary>
    public int Width => _encoder.HiddenSize;

    /// <summary>How many scores a text has; 0 for a model that gives vectors.</summary>
    public int ScoreCount => _encoder.Labels;

    /// <summary>Whether the tokens of the second of two texts have a type of their own.</summary>
    public bool HasTypes => _encoder.TypeCount > 1;

    /// <summary>One vector for each text, pooled and normalised as the repository says.</summary>
    /// <param name="texts">The ids of each text.</param>
    /// <param name="cancellation">Ends the work between two passes.</param>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, QueueFull.</exception>
    public Task<float[][]> EmbedAsync(IReadOnlyList<int[]> texts, CancellationToken cancellation) =>
        RunAsync(texts, null, (states, _) => _pooling.Apply(states, Width), cancellation);

    /// <summary>Gives a vector the length 1; a vector of zeros stays so.</summary>
    public static void Normalize(Span<float> vector) => PoolingConfiguration.Normalize(vector);

    /// <summary>The raw scores of each text.</summary>
    /// <param name="texts">The ids of each text, or of two texts read together.</param>
    /// <param name="types">The types of their tokens; null for 0 everywhere.</param>
    /// <param name="cancellation">Ends the work between two passes.</param>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, QueueFull.</exception>
    public Task<float[][]> ScoreAsync(IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? types, CancellationToken cancellation) =>
        RunAsync(texts, types, (states, encoder) => encoder.Score(states), cancellation);

    /// <summary>Waits for the pass that runs, and lets none begin after it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        _isDisposed = true;
        _turn.Release();
    }

    private delegate float[] Reading(ReadOnlySpan<float> states, TextEncoder encoder);

    private async Task<float[][]> RunAsync(IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? types, Reading read, CancellationToken cancellation)
    {
        Check(texts);
        if (types?.Any(text => text.Any(type => type < 0 || type >= _encoder.TypeCount)) == true)
            throw new InferenceException(InferenceFailure.CorruptModel, $"The tokenizer gives a token type that the model does not have; it has {_encoder.TypeCount}. They do not belong together.");
        if (Interlocked.Increment(ref _waiting) > _maxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new InferenceException(InferenceFailure.QueueFull, "The model is busy and its queue is full.") { Remedy = "Try again later." };
        }
        try
        {
            float[][] results = new float[texts.Count][];
            // Texts of like length together; a request gives its turn away after each pass.
            int[] order = [.. Enumerable.Range(0, texts.Count).OrderBy(i => texts[i].Length)];
            for (int first = 0; first < order.Length;)
            {
                int count = PassFrom(texts, order, first);
                await _turn.WaitAsync(cancellation).ConfigureAwait(false);
                try
                {
                    ObjectDisposedException.ThrowIf(_isDisposed, typeof(LlmEngine));
                    await Task.Run(() => Pass(texts, types, order.AsSpan(first, count), read, results), cancellation).ConfigureAwait(false);
                }
                finally
                {
                    _turn.Release();
                }
                first += count;
            }
            return results;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private int PassFrom(IReadOnlyList<int[]> texts, int[] order, int first)
    {
        int count = 0, tokens = 0;
        while (first + count < order.Length && (count == 0 || tokens + texts[order[first + count]].Length <= _passTokens))
            tokens += texts[order[first + count++]].Length;
        return count;
    }

    private void Pass(IReadOnlyList<int[]> texts, IReadOnlyList<int[]>? types, ReadOnlySpan<int> chosen, Reading read, float[][] results)
    {
        List<int[]> ids = [], kinds = [];
        foreach (int text in chosen)
        {
            ids.Add(texts[text]);
            if (types is not null)
                kinds.Add(types[text]);
        }
        ReadOnlySpan<float> states = _encoder.Encode(ids, types is null ? null : kinds).Span;
        foreach (int text in chosen)
        {
            int length = texts[text].Length * Width;
            results[text] = read(states[..length], _encoder);
            states = states[length..];
        }
    }

    private void Check(IReadOnlyList<int[]> texts)
    {
        int limit = _encoder.Model.ContextLength, vocabulary = _encoder.Model.VocabularySize;
        for (int i = 0; i < texts.Count; i++)
        {
            if (texts[i].Length == 0)
                throw Invalid(InferenceFailure.InvalidRequest, $"The text {i + 1} is empty; at least one token was expected.");
            if (texts[i].Length > limit)
                throw Invalid(InferenceFailure.ContextLengthExceeded, $"The text {i + 1} has {texts[i].Length} tokens; the model reads at most {limit}.");
            int unknown = Array.FindIndex(texts[i], id => id < 0 || id >= vocabulary);
            if (unknown >= 0)
                throw Invalid(InferenceFailure.InvalidRequest, $"The text {i + 1} has the token id {texts[i][unknown]}, but the vocabulary has the ids 0 to {vocabulary - 1}.");
        }
    }

    private static InferenceException Invalid(InferenceFailure failure, string message) => new(failure, message) { Field = "input", Remedy = "Send texts that fit, or split them." };
}
