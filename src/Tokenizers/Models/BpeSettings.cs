namespace LlmService.Tokenizers.Models;

/// <summary>What a BPE model does beside merging.</summary>
internal sealed record BpeSettings
{
    /// <summary>The token for characters that the vocabulary lacks; without one they are dropped.</summary>
    public string? Unknown { get; init; }

    public bool FuseUnknown { get; init; }

    public bool ByteFallback { get; init; }

    public bool IgnoreMerges { get; init; }

    public string Prefix { get; init; } = "";

    public string Suffix { get; init; } = "";

    /// <summary>Whether a merge has the unknown token or a byte token as a part: then characters say nothing of what merges.</summary>
    public bool MergesUnknown { get; init; }
}
