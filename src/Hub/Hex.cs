namespace LlmService.Hub;

/// <summary>The forms of the hashes on the wire: lower-case hex of a fixed length.</summary>
internal static class Hex
{
    private const int CommitLength = 40;
    private const int Sha256Length = 64;

    public static bool IsCommit(string? text) => IsLowerHex(text, CommitLength);

    public static bool IsSha256(string? text) => IsLowerHex(text, Sha256Length);

    /// <summary>The Hub shows asterisks for the hashes of files that the caller may not read.</summary>
    public static bool IsMasked(string? text) => text is { Length: > 0 } && text.All(c => c == '*');

    private static bool IsLowerHex(string? text, int length) =>
        text is not null && text.Length == length && text.All(char.IsAsciiHexDigitLower);
}
