namespace LlmService.Tokenizers.Conversion;

/// <summary>Reads a text file of one entry a line.</summary>
internal static class TextLines
{
    /// <summary>The lines without their ends; a last line end begins no further line.</summary>
    public static string[] Read(string path)
    {
        byte[] bytes = TokenizerJson.ReadFile(path);
        ReadOnlySpan<byte> content = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes;
        if (!System.Text.Unicode.Utf8.IsValid(content)) throw new TokenizerException(TokenizerFailure.Corrupt, $"{path} is not UTF-8.") { File = path };
        // Only these end a line; other separators of Unicode may be tokens.
        string text = System.Text.Encoding.UTF8.GetString(content).Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        string[] lines = text.Split('\n');
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }
}
