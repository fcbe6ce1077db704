using System.Globalization;
using LlmService.Inference.Architectures;
using LlmService.Inference.Scheduling;
using LlmService.Tokenizers;

namespace LlmService.Inference.Embeddings;

/// <summary>
/// Turns texts into vectors or scores. Safe for concurrent use: one thread of its own computes the texts of all requests together, in passes of a bounded number of tokens. It sleeps while
/// there is nothing to do.
/// </summary>
public sealed class EncoderEngine : IAsyncDisposable
{
    private readonly ArrivalQueue<EncoderRequest> _arrivals;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly EmbeddingModelRunner _runner;
    private readonly PassPlanner _planner;
    private readonly List<PlannedText> _plan = [];
    private volatile int _running;

    /// <summary>Starts the thread.</summary>
    /// <exception cref="InferenceException">CorruptModel: the tokenizer has ids or types that the model does not have.</exception>
    internal EncoderEngine(EmbeddingModelRunner runner, Tokenizer? tokenizer, TokenizerConfig tokenizerConfig, EngineOptions options)
    {
        _runner = runner;
        int longest = Math.Min(Encoder.Model.ContextLength, runner.Sentences.MaxTokens ?? tokenizerConfig.ModelMaxLength ?? int.MaxValue);
        Texts = new(tokenizer, runner.Sentences, longest, Encoder.TypeCount > 1);
        if (tokenizer is not null)
            RequireFit(tokenizer);
        // ONNX's own arithmetic gives other results where texts share a pass.
        _planner = new(options.ExactOnnxArithmetic ? 0 : options.PrefillChunkTokens);
        _arrivals = new(options.MaxRunningSequences + options.MaxWaitingRequests, _planner.Add, runner.ReleaseBuffers, options.TimeProvider);
        new Thread(Run) { IsBackground = true, Name = $"encoder {Encoder.Model.Architecture}" }.Start();
    }

    /// <summary>Makes tokens of texts.</summary>
    public TextPreparation Texts { get; }

    /// <summary>Numbers of a vector.</summary>
    public int Width => _runner.Head.Width;

    /// <summary>How many scores a text has; 0 for a model that gives vectors.</summary>
    public int ScoreCount => Encoder.Labels;

    /// <summary>Of how many requests texts are computed now.</summary>
    public int RunningRequests => _running;

    /// <summary>How many requests wait.</summary>
    public int WaitingRequests => Math.Max(0, _arrivals.Count - _running);

    private TextEncoder Encoder => _runner.Encoder;

    /// <summary>One vector for each text, pooled and normalised as the repository says.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="cancellation">Ends the work before the next layer.</param>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, QueueFull: at once. CorruptModel: the weights compute what is no number.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed.</exception>
    public Task<float[][]> EmbedAsync(IReadOnlyList<EncoderText> texts, CancellationToken cancellation)
    {
        if (ScoreCount > 0)
            throw new InvalidOperationException("The model scores texts; it makes no vectors.");
        return RunAsync(texts, cancellation);
    }

    /// <summary>The raw scores of each text.</summary>
    /// <param name="texts">The texts, or pairs of them.</param>
    /// <param name="cancellation">Ends the work before the next layer.</param>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, QueueFull: at once. CorruptModel: the weights compute what is no number.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed.</exception>
    public Task<float[][]> ScoreAsync(IReadOnlyList<EncoderText> texts, CancellationToken cancellation)
    {
        if (ScoreCount == 0)
            throw new InvalidOperationException("The model makes vectors of texts; it scores none.");
        return RunAsync(texts, cancellation);
    }

    /// <summary>The first numbers of a vector, brought to the length 1 again; all of them as they are.</summary>
    /// <param name="vector">The vector.</param>
    /// <param name="width">How many numbers.</param>
    public static float[] Shorten(float[] vector, int width)
    {
        if (width == vector.Length)
            return vector;
        float[] shortened = vector[..width];
        VectorHead.Normalize(shortened);
        return shortened;
    }

    /// <summary>Ends all requests before the next layer, and waits for the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        _arrivals.Stop();
        await _ended.Task.ConfigureAwait(false);
    }

    private Task<float[][]> RunAsync(IReadOnlyList<EncoderText> texts, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfZero(texts.Count);
        Check(texts);
        EncoderRequest request = new(texts, cancellation);
        if (!_arrivals.TryEnqueue(request))
            throw new InferenceException(InferenceFailure.QueueFull, "The model is busy and its queue is full.") { Remedy = "Try again later." };
        // The caller goes at once; the thread sees it before the next layer.
        return request.Result.WaitAsync(cancellation);
    }

    private void Check(IReadOnlyList<EncoderText> texts)
    {
        int vocabulary = Encoder.Model.VocabularySize;
        string field = ScoreCount > 0 ? "documents" : "input";
        for (int i = 0; i < texts.Count; i++)
        {
            IReadOnlyList<int> ids = texts[i].Ids;
            string name = texts[i].Name ?? $"The text {i + 1}";
            if (texts[i].IsFarTooLong)
                throw TooLong(name, $"more than {Texts.MaxTokens}", field);
            if (ids.Count == 0)
                throw new InferenceException(InferenceFailure.InvalidRequest, $"{name} is empty; at least one token was expected.") { Field = field, Remedy = "Leave empty texts out." };
            if (ids.Count > Texts.MaxTokens)
                throw TooLong(name, ids.Count.ToString(CultureInfo.InvariantCulture), field);
            foreach (int id in ids)
            {
                if ((uint)id >= (uint)vocabulary)
                    throw new InferenceException(InferenceFailure.InvalidRequest, $"{name} has the token id {id}, but the vocabulary has the ids 0 to {vocabulary - 1}.") { Field = field, Remedy = "Send ids of this model's tokenizer." };
            }
        }
    }

    private InferenceException TooLong(string name, string tokens, string field) =>
        new(InferenceFailure.ContextLengthExceeded, $"{name} has {tokens} tokens; the model reads at most {Texts.MaxTokens}.")
        {
            Field = field,
            Remedy = "Split the text, or let its end be cut off (\"truncate\": true, --truncate).",
        };

    private void RequireFit(Tokenizer tokenizer)
    {
        int vocabulary = Encoder.Model.VocabularySize;
        if (tokenizer.VocabularySize > vocabulary)
            throw Unfit($"The tokenizer has the ids 0 to {tokenizer.VocabularySize - 1}, but the model's table of words has {vocabulary} rows (vocab_size)");
        int type = Encoder.TypeCount > 1 ? tokenizer.Encode("a", "a").TypeIds.DefaultIfEmpty().Max() : 0;
        if (type > 0 && type >= Encoder.TypeCount)
            throw Unfit($"The tokenizer gives tokens the type {type}, but the model has {Encoder.TypeCount} types (type_vocab_size)");
    }

    private static InferenceException Unfit(string what) => new(InferenceFailure.CorruptModel, $"{what}: tokenizer.json and config.json do not belong together.")
    {
        File = "tokenizer.json",
        Remedy = "Download the model again, or serve it with --skip-tokenizer-init and send token ids.",
    };

    private void Run()
    {
        try
        {
            while (_arrivals.WaitForWork(_planner.Requests.Count > 0))
                Step();
        }
        finally
        {
            // What arrived while the thread went is ended as well.
            _arrivals.TakeArrivals();
            foreach (EncoderRequest request in _planner.Requests.ToArray())
                End(request, () => request.Fail(new ObjectDisposedException(nameof(LlmEngine))));
            _ended.SetResult();
        }
    }

    private void Step()
    {
        foreach (EncoderRequest request in _planner.Requests.Where(request => request.IsCancelled).ToArray())
            End(request, request.FailCancelled);
        _plan.Clear();
        _planner.Plan(_plan);
        if (_plan.Count == 0)
            return;
        EncoderRequest[] involved = [.. _plan.Select(planned => planned.Request).Distinct()];
        _running = involved.Length;
        try
        {
            Compute(involved);
        }
        catch (Exception exception)
        {
            foreach (EncoderRequest request in involved.Where(request => !request.IsEnded))
                End(request, () => request.Fail(exception));
        }
        finally
        {
            _running = 0;
        }
    }

    private void Compute(EncoderRequest[] involved)
    {
        int[][] ids = [.. _plan.Select(planned => planned.Request[planned.Text].Ids.ToArray())];
        ReadOnlySpan<float> states = Encoder.Encode(ids, Types(), () => _arrivals.IsStopping || Array.TrueForAll(involved, request => request.IsCancelled)).Span;
        // Those who are left when nobody waits any more are ended in the next step.
        if (states.IsEmpty)
            return;
        foreach ((PlannedText planned, int[] text) in _plan.Zip(ids))
        {
            Hand(planned, states[..(text.Length * Encoder.HiddenSize)]);
            states = states[(text.Length * Encoder.HiddenSize)..];
        }
    }

    private void Hand(PlannedText planned, ReadOnlySpan<float> states)
    {
        EncoderRequest request = planned.Request;
        // A text before this one may have failed.
        if (request.IsEnded)
            return;
        float[] numbers = ScoreCount > 0 ? Encoder.Score(states) : _runner.Head.Apply(states, request[planned.Text].PromptTokens);
        if (!Array.TrueForAll(numbers, float.IsFinite))
            End(request, () => request.Fail(new InferenceException(InferenceFailure.CorruptModel, "The model computed a value that is not a number; its weights are damaged or out of range.")));
        else if (request.Keep(planned.Text, numbers))
            End(request, request.Complete);
    }

    private int[][]? Types() => !_plan.Any(planned => planned.Request[planned.Text].Types is not null) ? null
        : [.. _plan.Select(planned => planned.Request[planned.Text] is { Types: { } types } ? types.ToArray() : new int[planned.Request[planned.Text].Ids.Count])];

    /// <summary>The place is free before the caller can know: its next request finds it so.</summary>
    private void End(EncoderRequest request, Action tell)
    {
        request.IsEnded = true;
        _planner.Remove(request);
        _arrivals.Leave();
        tell();
    }
}
