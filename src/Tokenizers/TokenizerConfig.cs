namespace LlmService.Tokenizers;

/// <summary>What <c>tokenizer_config.json</c> and its companions say beside the vocabulary.</summary>
public sealed record TokenizerConfig
{
    /// <summary>The longest input, in tokens; null when unset or a placeholder (above 2^31).</summary>
    public int? ModelMaxLength { get; init; }

    /// <summary>Whether the folder has a chat template, in <c>tokenizer_config.json</c>, <c>chat_template.jinja</c> or <c>chat_template.json</c>.</summary>
    public bool HasChatTemplate { get; init; }

    /// <summary>The end-of-sequence token.</summary>
    public string? EosToken { get; init; }

    /// <summary>The begin-of-sequence token.</summary>
    public string? BosToken { get; init; }

    /// <summary>Reads the files of a model folder; absent files leave the defaults.</summary>
    /// <exception cref="TokenizerException">Damaged.</exception>
    public static TokenizerConfig Load(string modelFolder) => throw new NotSupportedException();
}
