using System.Diagnostics.CodeAnalysis;
using LlmService.Tokenizers.Decoders;

namespace LlmService.Tokenizers;

/// <summary>Decodes ids one by one into text that is never half a character. The joined pieces equal the whole decode. Not safe for concurrent use.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "The field's word for an incremental decode.")]
public sealed class DecodeStream
{
    private readonly Tokenizer _tokenizer;
    private readonly SpecialTokens _specialTokens;
    private readonly TextSink _sink = new();
    private readonly DecodeStage _stage;
    private bool _ended;

    internal DecodeStream(Tokenizer tokenizer, Decoder decoder, SpecialTokens specialTokens)
    {
        _tokenizer = tokenizer;
        _specialTokens = specialTokens;
        _stage = decoder.Start(_sink);
    }

    /// <summary>Adds one id; returns the text that is now certain, often empty.</summary>
    /// <exception cref="InvalidOperationException">The stream was ended.</exception>
    public string Push(int id)
    {
        Write(id);
        return _sink.Take();
    }

    /// <summary>Ends the stream; returns what was held back.</summary>
    public string Flush()
    {
        if (!_ended) _stage.End();
        _ended = true;
        return _sink.Take();
    }

    internal void Write(int id)
    {
        if (_ended) throw new InvalidOperationException("The stream was ended by Flush.");
        if (_tokenizer.TokenToDecode(id, _specialTokens) is string token) _stage.Write(token, endOfToken: true);
    }
}
