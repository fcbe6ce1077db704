namespace LlmService.Tokenizers;

/// <summary>A token that stands beside the model's vocabulary, with the flags of the format.</summary>
internal sealed record AddedToken(string Content, bool SingleWord, bool LStrip, bool RStrip, bool Normalized, bool Special)
{
    public static AddedToken Read(JsonPart json)
    {
        json.AllowOnly("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
        json.Get("id").AsCount();
        return new AddedToken(json.String("content"), json.Boolean("single_word"), json.Boolean("lstrip"), json.Boolean("rstrip"),
            json.Boolean("normalized"), json.Boolean("special"));
    }
}
