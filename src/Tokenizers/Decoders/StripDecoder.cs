namespace LlmService.Tokenizers.Decoders;

/// <summary>Removes up to so many of one character from the ends of every token.</summary>
internal sealed class StripDecoder(char content, int start, int stop) : Decoder
{
    public static StripDecoder Create(JsonPart json)
    {
        json.AllowOnly("type", "content", "start", "stop");
        JsonPart content = json.Get("content");
        string text = content.AsString();
        if (text.Length != 1) throw content.Unsupported("must be one character of the basic plane");
        return new StripDecoder(text[0], json.Get("start").AsCount(), json.Get("stop").AsCount());
    }

    public override DecodeStage Start(DecodeStage next) => new Stage(content, start, stop, next);

    private sealed class Stage(char content, int start, int stop, DecodeStage next) : DecodeStage
    {
        private int _cut;
        private int _held;

        public override void Write(string fragment, bool endOfToken)
        {
            int from = 0;
            while (_cut < start && from < fragment.Length && fragment[from] == content)
            {
                from++;
                _cut++;
            }

            if (from < fragment.Length) _cut = start;

            // Up to `stop` of the character are held back, for they may turn out to be the end.
            string text = new string(content, _held) + fragment[from..];
            _held = 0;
            while (_held < stop && _held < text.Length && text[^(_held + 1)] == content) _held++;
            next.Write(text[..^_held], endOfToken);
            if (!endOfToken) return;
            _cut = 0;
            _held = 0;
        }

        public override void End() => next.End();
    }
}
