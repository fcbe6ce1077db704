namespace LlmService.App.Http.OpenAi;

/// <summary>Where each token begins in a choice's text, in characters (code points). A token that is part of a character begins where that character does.</summary>
internal sealed class TextOffsets
{
    private int _begun;

    /// <summary>Whether no token was counted since the start or the last jump.</summary>
    public bool AtStart { get; private set; } = true;

    /// <summary>Goes on at a known place of the text.</summary>
    public void Jump(int offset)
    {
        _begun = offset;
        AtStart = true;
    }

    /// <summary>The place of the next token, given the bytes that it adds.</summary>
    public int Next(ReadOnlySpan<byte> bytes)
    {
        int offset = !bytes.IsEmpty && IsContinuation(bytes[0]) ? Math.Max(0, _begun - 1) : _begun;
        foreach (byte b in bytes)
        {
            if (!IsContinuation(b))
                _begun++;
        }
        AtStart = false;
        return offset;
    }

    private static bool IsContinuation(byte b) => (b & 0xC0) == 0x80;
}
