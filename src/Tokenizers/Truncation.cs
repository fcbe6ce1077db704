namespace LlmService.Tokenizers;

/// <summary>Which end of a text is cut off.</summary>
public enum TruncationDirection
{
    /// <summary>The end.</summary>
    Right,

    /// <summary>The beginning.</summary>
    Left,
}

/// <summary>Which text of a pair is cut.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, until both are as long.</summary>
    LongestFirst,

    /// <summary>The first.</summary>
    OnlyFirst,

    /// <summary>The second.</summary>
    OnlySecond,
}

/// <summary>How long an encoding may become.</summary>
/// <param name="MaxLength">The most tokens, special tokens included.</param>
public sealed record Truncation(int MaxLength)
{
    /// <summary>Which end is cut off.</summary>
    public TruncationDirection Direction { get; init; }

    /// <summary>Which text of a pair is cut.</summary>
    public TruncationStrategy Strategy { get; init; }

    /// <summary>How many tokens two windows of a long text share, as the file has it. Encoding makes one window and does not use it.</summary>
    public int Stride { get; init; }

    internal static Truncation Read(JsonPart json)
    {
        json.AllowOnly("direction", "max_length", "strategy", "stride");
        return new Truncation(json.Get("max_length").AsCount())
        {
            Direction = json.OneOf("direction", TruncationDirection.Right),
            Strategy = json.OneOf("strategy", TruncationStrategy.LongestFirst),
            Stride = json.Find("stride")?.AsCount() ?? 0,
        };
    }

    /// <summary>Cuts the texts so that they fit beside so many special tokens.</summary>
    internal void Apply(TokenizedText first, TokenizedText? second, int specialTokens)
    {
        int room = MaxLength - specialTokens;
        if (MaxLength < 0 || (room < 0 && MaxLength > 0))
            throw new ArgumentException($"A truncation to {MaxLength} tokens leaves no room for the {specialTokens} special tokens.");
        room = Math.Max(room, 0);
        int total = first.Count + (second?.Count ?? 0);
        if (total <= room) return;
        if (room == 0)
        {
            first.Keep(0, Direction);
            second?.Keep(0, Direction);
        }
        else if (Strategy == TruncationStrategy.LongestFirst)
        {
            CutLongest(first, second, room);
        }
        else
        {
            TokenizedText target = Strategy == TruncationStrategy.OnlyFirst ? first
                : second ?? throw new ArgumentException("The truncation cuts the second text, but there is only one.");
            int left = target.Count - (total - room);
            if (left <= 0) throw new ArgumentException($"The text that the truncation cuts is too short to reach {MaxLength} tokens.");
            target.Keep(left, Direction);
        }
    }

    private void CutLongest(TokenizedText first, TokenizedText? second, int room)
    {
        if (second is null)
        {
            first.Keep(room, Direction);
            return;
        }

        // The reference stops tokenizing a text once it has enough, so it compares shortened lengths.
        int shorter = first.Seen(MaxLength, Direction), longer = second.Seen(MaxLength, Direction);
        bool swapped = shorter > longer;
        if (swapped) (shorter, longer) = (longer, shorter);
        longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
        if (shorter + longer > room)
        {
            shorter = room / 2;
            longer = shorter + room % 2;
        }

        first.Keep(swapped ? longer : shorter, Direction);
        second.Keep(swapped ? shorter : longer, Direction);
    }
}
