namespace LlmService.Hub;

/// <summary>The id of a model repository: <c>owner/name</c>, or a bare legacy name such as <c>gpt2</c>.</summary>
public readonly record struct RepoId
{
    private RepoId(string value) => Value = value;

    /// <summary>The id as it stands in URLs: <c>owner/name</c> or <c>name</c>.</summary>
    public string Value { get; }

    /// <summary>The folder of the cache that holds this repository: <c>models--owner--name</c>.</summary>
    public string CacheFolderName => "models--" + Value.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>Whether the id is a bare legacy name, without an owner.</summary>
    public bool IsBare => Value is not null && !Value.Contains('/', StringComparison.Ordinal);

    /// <summary>Reads an id.</summary>
    /// <exception cref="FormatException">It breaks the Hub's rules for names.</exception>
    public static RepoId Parse(string text) =>
        TryParse(text, out RepoId id) ? id : throw new FormatException($"'{text}' is no id of the Hub: ids are owner/name, of letters, digits, '-', '_' and '.'.");

    /// <summary>Reads an id; false when it breaks the Hub's rules for names.</summary>
    public static bool TryParse(string? text, out RepoId id)
    {
        id = default;
        if (string.IsNullOrEmpty(text))
            return false;
        string[] parts = text.Split('/');
        if (parts.Length > 2 || !parts.All(IsName))
            return false;
        id = new RepoId(text);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Value;

    // Letters, digits, '-', '_', '.'; at most 96; no '--' or '..', no '-' or '.' at either end, no '.git' ending
    // (huggingface_hub, utils/_validators.py).
    private static bool IsName(string part) =>
        part.Length is > 0 and <= 96
        && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && !part.Contains("--", StringComparison.Ordinal) && !part.Contains("..", StringComparison.Ordinal)
        && part[0] is not ('-' or '.') && part[^1] is not ('-' or '.')
        && !part.EndsWith(".git", StringComparison.Ordinal);
}
