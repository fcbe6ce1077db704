namespace LlmService.Tokenizers;

/// <summary>What is wrong with a tokenizer file.</summary>
public enum TokenizerFailure
{
    /// <summary>The file is not there.</summary>
    Missing,

    /// <summary>The file is damaged: not JSON, a missing or impossible value.</summary>
    Corrupt,

    /// <summary>The file asks for a component or a setting that this library does not know.</summary>
    Unsupported,
}

/// <summary>A tokenizer file cannot be used.</summary>
public sealed class TokenizerException(TokenizerFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>What is wrong.</summary>
    public TokenizerFailure Failure { get; } = failure;

    /// <summary>The file.</summary>
    public string? File { get; init; }

    /// <summary>Where in the file, such as <c>$.normalizer.normalizers[1].type</c>.</summary>
    public string? JsonPath { get; init; }
}
