using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Tokenizers;

namespace LlmService.Inference;

/// <summary>A loaded model that generates text. Safe for concurrent use; requests are decoded together by one thread of its own.</summary>
public sealed class LlmEngine : IAsyncDisposable
{
    /// <summary>Runs a model that is loaded already. The runner becomes the engine's.</summary>
    public LlmEngine(ModelRunner runner, Tokenizer? tokenizer, TokenizerConfig tokenizerConfig, GenerationConfiguration generation, EngineOptions options) =>
        throw new NotSupportedException();

    /// <summary>Loads a model folder in Hub layout.</summary>
    /// <exception cref="InferenceException">The model cannot be loaded.</exception>
    /// <exception cref="TokenizerException">The tokenizer cannot be read.</exception>
    public static LlmEngine Load(string folder, EngineOptions options) => throw new NotSupportedException();

    /// <summary>What the model is.</summary>
    public ModelDescription Model => throw new NotSupportedException();

    /// <summary>What generation_config.json says.</summary>
    public GenerationConfiguration Generation => throw new NotSupportedException();

    /// <summary>The tokenizer; null when none was read.</summary>
    public Tokenizer? Tokenizer => throw new NotSupportedException();

    /// <summary>What tokenizer_config.json says.</summary>
    public TokenizerConfig TokenizerConfig => throw new NotSupportedException();

    /// <summary>How many sequences run now.</summary>
    public int RunningSequences => throw new NotSupportedException();

    /// <summary>How many requests wait.</summary>
    public int WaitingRequests => throw new NotSupportedException();

    /// <summary>The sampling parameters that generation_config.json asks for; greedy when it does not ask for sampling.</summary>
    public SamplingParameters DefaultSampling => throw new NotSupportedException();

    /// <summary>Checks the request and puts it into the queue before it returns; the text comes by the enumeration. Cancelling, or disposing the enumerator, ends the sequence at the next step.</summary>
    /// <exception cref="InferenceException">InvalidRequest, ContextLengthExceeded, QueueFull: at once, not during the enumeration.</exception>
    public IAsyncEnumerable<GenerationUpdate> GenerateAsync(GenerationRequest request, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    /// <summary>Ends all sequences and waits for the engine thread.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException();
}
