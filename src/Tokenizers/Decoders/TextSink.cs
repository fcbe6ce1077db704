using System.Text;

namespace LlmService.Tokenizers.Decoders;

/// <summary>The end of the chain: gathers the text.</summary>
internal sealed class TextSink : DecodeStage
{
    private readonly StringBuilder _text = new();

    public override void Write(string fragment, bool endOfToken) => _text.Append(fragment);

    public override void End()
    {
    }

    /// <summary>Hands out what was gathered and forgets it.</summary>
    public string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
