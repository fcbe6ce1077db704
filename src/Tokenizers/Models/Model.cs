namespace LlmService.Tokenizers.Models;

/// <summary>Turns a piece of text into tokens: the key <c>model</c>.</summary>
internal abstract class Model(Vocabulary vocabulary)
{
    public Vocabulary Vocabulary { get; } = vocabulary;

    /// <summary>Appends the tokens of a piece; their places are relative to the piece.</summary>
    public abstract void Tokenize(ReadOnlySpan<char> piece, List<Token> output);

    public static Model Read(JsonPart json)
    {
        JsonPart? type = json.Find("type");
        return (type?.AsString() ?? Infer(json)) switch
        {
            "BPE" => BpeModel.Create(json),
            "Unigram" => UnigramModel.Create(json),
            string name => throw (type ?? json).Unsupported($"asks for the model '{name}', which this library does not know"),
        };
    }

    /// <summary>Old files leave the type out.</summary>
    private static string Infer(JsonPart json)
    {
        if (json.Find("merges") is not null) return "BPE";
        return json.Get("vocab").IsArray ? "Unigram" : "WordPiece";
    }
}
