using LlmService.Inference.Sampling;

namespace LlmService.Inference.Scheduling;

/// <summary>A checked request in ids: all that a <see cref="Sequence"/> is made from.</summary>
internal sealed record SequenceOptions
{
    /// <summary>The prompt, at least one id.</summary>
    public required int[] PromptIds { get; init; }

    /// <summary>How many tokens at most.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Chooses the tokens, one after the other.</summary>
    public required Sampler Sampler { get; init; }

    /// <summary>Finds the answers in the place of the sampler; null for none. One sequence has it alone.</summary>
    public BeamSearch? Beams { get; init; }

    /// <summary>How many answers to give of those that beam search finds.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>For encoder-decoders: the first decoder input. The prompt then goes to the encoder.</summary>
    public int? DecoderStartTokenId { get; init; }

    /// <summary>For encoder-decoders: what the decoder reads after that, before the answer.</summary>
    public int[] DecoderPromptIds { get; init; } = [];

    /// <summary>The tokens that end the sequence.</summary>
    public IReadOnlyList<int> EndTokenIds { get; init; } = [];

    /// <summary>How many alternatives to report for each token; null reports no log-probabilities.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Whether to report the log-probabilities of the prompt's tokens.</summary>
    public bool PromptLogProbabilities { get; init; }

    /// <summary>Ends the sequence at the next step.</summary>
    public CancellationToken Cancellation { get; init; }
}
