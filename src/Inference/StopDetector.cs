namespace LlmService.Inference;

/// <summary>Finds stop texts in a text that comes in pieces, and holds back what may be the beginning of one.
/// The match that ends first wins, of several the longest: so the result does not depend on where the pieces are cut.</summary>
internal sealed class StopDetector(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>The stop text that was found; nothing may be pushed after it.</summary>
    public string? StopText { get; private set; }

    /// <summary>Adds a piece; returns the text that is now certain to come before any stop text.</summary>
    public string Push(string piece)
    {
        string text = _held + piece;
        int start = FindStop(text);
        int certain = StopText is null ? text.Length - HeldLength(text) : start;
        _held = StopText is null ? text[certain..] : "";
        return text[..certain];
    }

    /// <summary>Ends the text; returns what was held back.</summary>
    public string Flush()
    {
        string text = _held;
        _held = "";
        return text;
    }

    private int FindStop(string text)
    {
        int firstEnd = int.MaxValue;
        foreach (string stop in stops)
        {
            int start = text.IndexOf(stop, StringComparison.Ordinal);
            int end = start + stop.Length;
            if (start < 0 || end > firstEnd || (end == firstEnd && stop.Length <= StopText!.Length))
                continue;
            firstEnd = end;
            StopText = stop;
        }

        return firstEnd - (StopText?.Length ?? 0);
    }

    /// <summary>The longest end of the text that is the beginning of a stop text.</summary>
    private int HeldLength(string text)
    {
        int longest = 0;
        foreach (string stop in stops)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                    longest = length;
            }
        }

        return longest;
    }
}
