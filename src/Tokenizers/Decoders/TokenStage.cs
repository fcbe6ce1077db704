using System.Text;

namespace LlmService.Tokenizers.Decoders;

/// <summary>A stage that can only look at whole tokens.</summary>
internal abstract class TokenStage : DecodeStage
{
    private readonly StringBuilder _open = new();

    public sealed override void Write(string fragment, bool endOfToken)
    {
        if (!endOfToken || _open.Length > 0) _open.Append(fragment);
        if (!endOfToken) return;
        string token = _open.Length > 0 ? _open.ToString() : fragment;
        _open.Clear();
        Token(token);
    }

    protected abstract void Token(string token);
}
