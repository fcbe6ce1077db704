using System.Runtime.CompilerServices;
using LlmService.Inference.Configuration;
using LlmService.Inference.Embeddings;
using LlmService.Inference.Execution;
using LlmService.Inference.Scheduling;
using LlmService.Tokenizers;
using LlmService.Tokenizers.Chat;

namespace LlmService.Inference;

/// <summary>A loaded model that generates text. Safe for concurrent use; requests are decoded together by one thread of its own.</summary>
public sealed class LlmEngine : IAsyncDisposable
{
    private readonly ModelRunner _runner;
    private readonly SequenceFactory _sequences;
    private readonly EngineLoop? _loop;
    private int _isDisposed;

    /// <summary>Runs a model that is loaded already. The runner becomes the engine's.</summary>
    public LlmEngine(ModelRunner runner, Tokenizer? tokenizer, TokenizerConfig tokenizerConfig, GenerationConfiguration generation, EngineOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxRunningSequences);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxWaitingRequests);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.PrefillChunkTokens);
        _runner = runner;
        Tokenizer = tokenizer;
        TokenizerConfig = tokenizerConfig;
        Generation = generation;
        _sequences = new SequenceFactory(runner.Model, runner.Cache, tokenizer, generation);
        Encoder = runner is EmbeddingModelRunner embedding ? new EncoderEngine(embedding, tokenizer, tokenizerConfig, options) : null;
        _loop = Encoder is null ? new EngineLoop(runner, options) : null;
    }

    /// <summary>Loads a model folder in Hub layout.</summary>
    /// <exception cref="InferenceException">The model cannot be loaded.</exception>
    /// <exception cref="TokenizerException">The tokenizer cannot be read.</exception>
    public static LlmEngine Load(string folder, EngineOptions options)
    {
        // The weights come last: a missing small file is found before large ones are mapped.
        ModelSource source = ModelSource.Of(folder, options.Weights);
        ModelConfiguration configuration = source.Configuration();
        GenerationConfiguration generation = source.Generation();
        Tokenizer? tokenizer = options.SkipTokenizer ? null : source.Tokenizer();
        TokenizerConfig tokenizerConfig = source.TokenizerConfig();
        (ChatTemplate? template, TemplateException? failure) = LoadChatTemplate(source);
        ModelRunner runner = ModelLoader.Load(folder, configuration, options);
        try
        {
            return new LlmEngine(runner, tokenizer, tokenizerConfig, generation, options)
            {
                ChatTemplate = template,
                ChatTemplateFailure = failure,
            };
        }
        catch
        {
            runner.Dispose();
            throw;
        }
    }

    /// <summary>Turns texts into vectors or scores; null for a model that generates.</summary>
    public EncoderEngine? Encoder { get; }

    /// <summary>What the model is.</summary>
    public ModelDescription Model => _runner.Model;

    /// <summary>What generation_config.json says.</summary>
    public GenerationConfiguration Generation { get; }

    /// <summary>The tokenizer; null when none was read.</summary>
    public Tokenizer? Tokenizer { get; }

    /// <summary>What tokenizer_config.json says.</summary>
    public TokenizerConfig TokenizerConfig { get; }

    /// <summary>How the model wants conversations written; null when its folder does not say so, or does it in a way that does not compile.</summary>
    public ChatTemplate? ChatTemplate { get; init; }

    /// <summary>Why the chat template does not compile; null when it does, or when there is none. The model runs without it.</summary>
    public TemplateException? ChatTemplateFailure { get; init; }

    /// <summary>How many sequences run now.</summary>
    public int RunningSequences => _loop?.RunningSequences ?? Encoder!.RunningRequests;

    /// <summary>How many requests wait.</summary>
    public int WaitingRequests => _loop?.WaitingRequests ?? Encoder!.WaitingRequests;

    /// <summary>The sampling parameters that generation_config.json asks for; greedy when it does not ask for sampling.</summary>
    public SamplingParameters DefaultSampling => Generation.DefaultSampling;

    /// <summary>Refuses a text that is far too long for a prompt, before all of it is tokenized. One that passes may still be too long.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="InferenceException">ContextLengthExceeded.</exception>
    public void RequireRoom(string text) => _sequences.RequireRoom(text);

    /// <summary>Checks the request and puts it into the queue before it returns; the text comes by the enumeration, which can be done once.
    /// Cancelling, or disposing the enumerator, ends the sequence at the next step.</summary>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, OutOfMemory, QueueFull: at once, not during the enumeration.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed; also during the enumeration.</exception>
    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_loop is null)
        {
            throw new InferenceException(InferenceFailure.InvalidRequest, $"A model of the type '{Model.Architecture}' turns texts into {(Model.ScoreCount > 0 ? "scores" : "vectors")}; it generates no text.")
            {
                Field = "model",
                Remedy = Model.ScoreCount > 0 ? "Send the request to /v1/rerank." : "Send the request to /v1/embeddings.",
            };
        }
        Sequence sequence = _sequences.Create(request, cancellationToken);
        if (!_loop.TryEnqueue(sequence))
            throw new InferenceException(InferenceFailure.QueueFull, "The model is busy and its queue is full.") { Remedy = "Try again later." };
        IReadOnlyList<string> stops = [.. request.Stop, .. Generation.StopTexts];
        return ReadAsync(sequence, () => new AnswerText(Tokenizer?.CreateDecodeStream(SpecialTokens.Skip), stops), cancellationToken);
    }

    /// <summary>Ends all sequences and waits for the engine thread.</summary>
    public async ValueTask DisposeAsync()
    {
        // Weights may be given back only when no pass reads them.
        await (_loop?.StopAsync() ?? Encoder!.DisposeAsync().AsTask()).ConfigureAwait(false);
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            _runner.Dispose();
    }

    private static (ChatTemplate? Template, TemplateException? Failure) LoadChatTemplate(ModelSource source)
    {
        try
        {
            return (source.ChatTemplate(), null);
        }
        catch (TemplateException e)
        {
            return (null, e);
        }
    }

    private static async IAsyncEnumerable<GenerationUpdate> ReadAsync(
        Sequence sequence, Func<AnswerText> newText, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!sequence.TryStartReading())
            throw new InvalidOperationException("The updates of a request can be read once.");

        try
        {
            AnswerText text = newText();
            await foreach (SequenceOutput output in sequence.Outputs.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                if (output.Answers is { } answers)
                {
                    for (int i = 0; i < answers.Count; i++)
                        yield return newText().Whole(answers[i], i, output.PromptTokens);
                    yield break;
                }

                GenerationUpdate update = text.Next(output);
                if (update.FinishReason.HasValue)
                    sequence.Cancel();
                yield return update;
                if (update.FinishReason.HasValue)
                    yield break;
            }
        }
        finally
        {
            sequence.Cancel();
        }
    }
}
