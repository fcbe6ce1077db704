namespace LlmService.Inference;

/// <summary>One text to generate.</summary>
public sealed record GenerationRequest
{
    /// <summary>The prompt as text, tokenized with what the model's tokenizer adds. Exactly one of this and <see cref="PromptTokenIds"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>The prompt as token ids, used exactly as given. For encoder-decoders the encoder's input.</summary>
    public IReadOnlyList<int>? PromptTokenIds { get; init; }

    /// <summary>For encoder-decoders: what the answer is begun with, after the decoder's start token. It counts as prompt: the answer goes on from it.</summary>
    public IReadOnlyList<int> DecoderPromptTokenIds { get; init; } = [];

    /// <summary>How many tokens at most; null for what generation_config.json says, else for what is left of the context, at most 512. 0 computes the prompt only.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public SamplingParameters Sampling { get; init; } = new();

    /// <summary>How many answers of beam search, best first; at most as many as beams. Sampled answers are requests of their own.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>Texts that end the answer and are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>The tokens that end the answer; null for those of the model.</summary>
    public IReadOnlyList<int>? EndTokenIds { get; init; }

    /// <summary>End tokens are like any other and end nothing.</summary>
    public bool IgnoreEndTokens { get; init; }

    /// <summary>How many alternatives to report for each token beside its own log-probability, 0 to 20; null reports none of it.</summary>
    public int? LogProbabilities { get; init; }

    /// <summary>Report the log-probabilities of the prompt's tokens too; of encoder-decoders those of <see cref="DecoderPromptTokenIds"/>, while the encoder's tokens have none.</summary>
    public bool PromptLogProbabilities { get; init; }

    /// <summary>Which of several answers to the same prompt this is; part of the random numbers.</summary>
    public int Choice { get; init; }
}
