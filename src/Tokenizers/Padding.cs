namespace LlmService.Tokenizers;

/// <summary>Which end padding is added to.</summary>
public enum PaddingDirection
{
    /// <summary>The end.</summary>
    Right,

    /// <summary>The beginning.</summary>
    Left,
}

/// <summary>What makes encodings as long as each other.</summary>
public sealed record Padding
{
    /// <summary>The length to reach; null for that of the longest encoding of the batch.</summary>
    public int? Length { get; init; }

    /// <summary>Which end is padded.</summary>
    public PaddingDirection Direction { get; init; }

    /// <summary>Rounds the length up to a multiple of this.</summary>
    public int? MultipleOf { get; init; }

    /// <summary>The id of the padding token.</summary>
    public int Id { get; init; }

    /// <summary>The type of the padding token.</summary>
    public int TypeId { get; init; }

    /// <summary>The padding token.</summary>
    public string Token { get; init; } = "[PAD]";

    internal static Padding Read(JsonPart json)
    {
        json.AllowOnly("strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token");
        return new Padding
        {
            Length = ReadStrategy(json.Get("strategy")),
            Direction = json.OneOf("direction", PaddingDirection.Right),
            MultipleOf = json.Find("pad_to_multiple_of")?.AsCount(),
            Id = json.Get("pad_id").AsCount(),
            TypeId = json.Get("pad_type_id").AsCount(),
            Token = json.String("pad_token"),
        };
    }

    /// <summary>The length that encodings of which the longest has so many tokens get.</summary>
    internal int LengthFor(int longest)
    {
        int length = Length ?? longest;
        return MultipleOf is > 0 and int multiple && length % multiple > 0 ? checked(length + multiple - length % multiple) : length;
    }

    private static int? ReadStrategy(JsonPart json)
    {
        if (json.IsString) return json.AsString() == "BatchLongest" ? null : throw json.Unsupported($"is '{json.AsString()}', which this library does not know");
        json.AllowOnly("Fixed");
        return json.Get("Fixed").AsCount();
    }
}
