namespace LlmService.Tokenizers.Models;

/// <summary>Turns a piece of text into tokens: the key <c>model</c>.</summary>
internal abstract class Model(Vocabulary vocabulary)
{
    public Vocabulary Vocabulary { get; } = vocabulary;

    /// <summary>Appends the tokens of a piece.</summary>
    /// <param name="at">Where the piece starts in its text; the places of tokens count from there.</param>
    public abstract void Tokenize(ReadOnlySpan<char> piece, int at, TokenBuffer output);

    /// <summary>A model that takes pieces as they were before <c>ByteLevel</c> spelled their bytes, when it can.</summary>
    public virtual Model? OverBytes() => null;

    public static Model Read(JsonPart json, ModelTables tables)
    {
        JsonPart? type = json.Find("type");
        return (type?.AsString() ?? Infer(json)) switch
        {
            "BPE" => BpeModel.Create(json, tables),
            "Unigram" => UnigramModel.Create(json, tables),
            "WordPiece" => WordPieceModel.Create(json, tables),
            "WordLevel" => WordLevelModel.Create(json, tables),
            string name => throw (type ?? json).Unsupported($"asks for the model '{name}', which this library does not know"),
        };
    }

    /// <summary>Old files leave the type out.</summary>
    private static string Infer(JsonPart json)
    {
        if (json.Find("merges") is not null) return "BPE";
        if (json.Get("vocab").IsArray) return "Unigram";
        return json.Find("continuing_subword_prefix") is null && json.Find("max_input_chars_per_word") is null ? "WordLevel" : "WordPiece";
    }
}
