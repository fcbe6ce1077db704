using System.Globalization;
using System.Text;

namespace LlmService.Tokenizers.Patterns.Oniguruma;

/// <summary>Writes an expression for .NET's engine, which matches UTF-16 units. Characters beyond the basic plane become one unit each, a surrogate, which
/// no text has alone: all those that the expression does not tell apart become the same.</summary>
internal sealed class PatternWriter
{
    private const char FirstStandIn = '\uD800', LastStandIn = '\uDFFF';

    private readonly StringBuilder _output = new();
    private readonly List<CodePointSet> _sets = [];
    private readonly Dictionary<string, char> _standInOfMembership = new(StringComparer.Ordinal);
    private readonly List<(int First, char StandIn)> _standIns = [];

    public PatternWriter(PatternNode root)
    {
        FindSets(root);
        AssignStandIns();
        Write(root);
    }

    /// <summary>The expression for .NET.</summary>
    public string Pattern => _output.ToString();

    /// <summary>The unit that stands for a character beyond the basic plane.</summary>
    public char StandInOf(int codePoint)
    {
        int low = 0, high = _standIns.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (_standIns[middle].First <= codePoint) low = middle;
            else high = middle - 1;
        }

        return _standIns[low].StandIn;
    }

    private void FindSets(PatternNode node)
    {
        switch (node)
        {
            case SetNode set: _sets.Add(set.Set); break;
            case SequenceNode sequence: sequence.Parts.ToList().ForEach(FindSets); break;
            case ChoiceNode choice: choice.Parts.ToList().ForEach(FindSets); break;
            case RepeatNode repeat: FindSets(repeat.Part); break;
            case AssertionNode assertion: FindSets(assertion.Part); break;
            case PlaceNode { Kind: PlaceKind.WordBoundary or PlaceKind.NoWordBoundary }: _sets.Add(NamedSets.Word); break;
        }
    }

    /// <summary>Between two borders of sets all characters are in the same sets.</summary>
    private void AssignStandIns()
    {
        SortedSet<int> borders = [0x10000];
        foreach ((int first, int last) in _sets.SelectMany(set => set.Ranges))
        {
            if (first > 0x10000) borders.Add(first);
            if (last is >= 0x10000 and < CodePointSet.Last) borders.Add(last + 1);
        }

        foreach (int border in borders)
        {
            string membership = string.Concat(_sets.Select(set => set.Contains(border) ? '1' : '0'));
            if (!_standInOfMembership.TryGetValue(membership, out char standIn))
            {
                if (_standInOfMembership.Count > LastStandIn - FirstStandIn) throw new FormatException("too many different character classes");
                standIn = (char)(FirstStandIn + _standInOfMembership.Count);
                _standInOfMembership.Add(membership, standIn);
            }

            _standIns.Add((border, standIn));
        }
    }

    private void Write(PatternNode node)
    {
        switch (node)
        {
            case SetNode set: WriteSet(set.Set); break;
            case SequenceNode sequence: foreach (PatternNode part in sequence.Parts) Write(part); break;
            case ChoiceNode choice: WriteChoice(choice); break;
            case RepeatNode repeat: WriteRepeat(repeat); break;
            case AssertionNode assertion: WriteAssertion(assertion); break;
            case PlaceNode place: WritePlace(place.Kind); break;
        }
    }

    private void WriteChoice(ChoiceNode choice)
    {
        _output.Append("(?:");
        for (int i = 0; i < choice.Parts.Count; i++)
        {
            if (i > 0) _output.Append('|');
            Write(choice.Parts[i]);
        }

        _output.Append(')');
    }

    private void WriteRepeat(RepeatNode repeat)
    {
        if (repeat.Mode == RepeatMode.Possessive)
        {
            WriteAssertion(new AssertionNode(AssertionKind.Atomic, repeat with { Mode = RepeatMode.Greedy }));
            return;
        }

        _output.Append("(?:");
        Write(repeat.Part);
        _output.Append(CultureInfo.InvariantCulture, $"){{{repeat.Least},");
        if (repeat.Most >= 0) _output.Append(repeat.Most);
        _output.Append(repeat.Mode == RepeatMode.Lazy ? "}?" : "}");
    }

    private void WriteAssertion(AssertionNode assertion)
    {
        _output.Append(assertion.Kind switch
        {
            AssertionKind.Ahead => "(?=",
            AssertionKind.NotAhead => "(?!",
            AssertionKind.Behind => "(?<=",
            AssertionKind.NotBehind => "(?<!",
            _ => "(?>",
        });
        Write(assertion.Part);
        _output.Append(')');
    }

    private void WritePlace(PlaceKind kind)
    {
        switch (kind)
        {
            case PlaceKind.TextStart: _output.Append(@"\A"); break;
            case PlaceKind.TextEnd: _output.Append(@"\z"); break;
            case PlaceKind.TextEndOrLastLine: _output.Append(@"(?=\n?\z)"); break;
            case PlaceKind.LineStart: _output.Append(@"(?:\A|(?<=\n)(?!\z))"); break;
            case PlaceKind.LineEnd: _output.Append(@"(?=\n|\z)"); break;
            case PlaceKind.WordBoundary: WriteBoundary("(?:(?<=", ")(?!", ")|(?<!", ")(?=", "))"); break;
            default: WriteBoundary("(?:(?<=", ")(?=", ")|(?<!", ")(?!", "))"); break;
        }
    }

    private void WriteBoundary(params string[] around)
    {
        for (int i = 0; i < around.Length; i++)
        {
            _output.Append(around[i]);
            if (i + 1 < around.Length) WriteSet(NamedSets.Word);
        }
    }

    private void WriteSet(CodePointSet set)
    {
        _output.Append('[');
        int start = _output.Length;
        foreach ((int first, int last) in set.Ranges)
        {
            AppendRange(first, Math.Min(last, FirstStandIn - 1));
            AppendRange(Math.Max(first, LastStandIn + 1), Math.Min(last, 0xFFFF));
        }

        HashSet<char> written = [];
        foreach ((int first, char standIn) in _standIns)
            if (set.Contains(first) && written.Add(standIn)) AppendRange(standIn, standIn);

        // A class cannot be empty, so one that is becomes the opposite of everything.
        if (_output.Length == start) _output.Append(@"^\u0000-\uFFFF");
        _output.Append(']');
    }

    private void AppendRange(int first, int last)
    {
        if (first > last) return;
        _output.Append(CultureInfo.InvariantCulture, $"\\u{first:X4}");
        if (last > first) _output.Append(CultureInfo.InvariantCulture, $"-\\u{last:X4}");
    }
}
