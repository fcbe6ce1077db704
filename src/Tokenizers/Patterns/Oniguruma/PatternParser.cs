using System.Globalization;
using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Patterns.Oniguruma;

/// <summary>Reads a regular expression in Oniguruma's Ruby syntax, which the format's files are written in.</summary>
internal sealed class PatternParser
{
    private const int DeepestNesting = 100, MostRepeats = 1000;

    private readonly string _pattern;
    private int _position;
    private int _depth;
    private bool _ignoreCase;
    private bool _dotTakesLineEnd;
    private bool _isExtended;

    private PatternParser(string pattern) => _pattern = pattern;

    private bool AtEnd => _position >= _pattern.Length;

    /// <summary>Reads an expression.</summary>
    /// <exception cref="FormatException">It is wrong, or uses what this library does not know.</exception>
    public static PatternNode Parse(string pattern)
    {
        PatternParser parser = new(pattern);
        PatternNode node = parser.ReadChoice();
        return parser.AtEnd ? node : throw parser.Wrong("a ')' without a group");
    }

    private PatternNode ReadChoice()
    {
        if (++_depth > DeepestNesting) throw Wrong("groups nested too deep");
        List<PatternNode> parts = [ReadSequence()];
        while (Take('|')) parts.Add(ReadSequence());
        _depth--;
        return parts.Count == 1 ? parts[0] : new ChoiceNode(parts);
    }

    private SequenceNode ReadSequence()
    {
        List<PatternNode> parts = [];
        while (!AtEnd && _pattern[_position] is not ('|' or ')'))
        {
            if (_isExtended && SkipComment()) continue;
            PatternNode? part = ReadPart();
            if (part is not null) parts.Add(ReadRepeats(part));
        }

        return new SequenceNode(parts);
    }

    private bool SkipComment()
    {
        if (char.IsWhiteSpace(_pattern[_position]))
        {
            _position++;
            return true;
        }

        if (_pattern[_position] != '#') return false;
        while (!AtEnd && _pattern[_position] != '\n') _position++;
        return true;
    }

    private PatternNode? ReadPart()
    {
        switch (_pattern[_position])
        {
            case '(':
                _position++;
                return ReadGroup();
            case '[':
                _position++;
                return new SetNode(ReadClass());
            case '.':
                _position++;
                return new SetNode(_dotTakesLineEnd ? CodePointSet.All : CodePointSet.Of('\n').Negate());
            case '^':
                _position++;
                return new PlaceNode(PlaceKind.LineStart);
            case '$':
                _position++;
                return new PlaceNode(PlaceKind.LineEnd);
            case '\\':
                _position++;
                return ReadEscape();
            case '*' or '+' or '?':
                throw Wrong("a quantifier with nothing before it");
            default:
                return Literal(ReadCodePoint());
        }
    }

    private PatternNode ReadRepeats(PatternNode part)
    {
        while (!AtEnd && ReadRepeat(part) is PatternNode repeated) part = repeated;
        return part;
    }

    private RepeatNode? ReadRepeat(PatternNode part)
    {
        bool isInterval = false;
        int least, most;
        if (Take('*')) (least, most) = (0, -1);
        else if (Take('+')) (least, most) = (1, -1);
        else if (Take('?')) (least, most) = (0, 1);
        else if (ReadInterval() is (int low, int high)) (least, most, isInterval) = (low, high, true);
        else return null;

        // Ruby's {n}? means "n times or not at all", and a plus after an interval repeats it.
        if (isInterval && least == most && Take('?')) return new RepeatNode(new RepeatNode(part, least, most, RepeatMode.Greedy), 0, 1, RepeatMode.Greedy);
        RepeatMode mode = Take('?') ? RepeatMode.Lazy : !isInterval && Take('+') ? RepeatMode.Possessive : RepeatMode.Greedy;
        return new RepeatNode(part, least, most, mode);
    }

    /// <summary>Reads {n}, {n,}, {,m} or {n,m}; anything else in braces is text.</summary>
    private (int Least, int Most)? ReadInterval()
    {
        int start = _position;
        if (!Take('{')) return null;
        int? least = ReadNumber();
        bool hasComma = Take(',');
        int? most = hasComma ? ReadNumber() : least;
        if (!Take('}') || (least is null && most is null))
        {
            _position = start;
            return null;
        }

        if (least > most) throw Wrong("an interval whose end is before its start");
        return (least ?? 0, most ?? -1);
    }

    private int? ReadNumber()
    {
        int start = _position;
        while (!AtEnd && char.IsAsciiDigit(_pattern[_position])) _position++;
        if (_position == start) return null;
        return int.TryParse(_pattern.AsSpan(start.._position), CultureInfo.InvariantCulture, out int number) && number <= MostRepeats
            ? number
            : throw Wrong($"more than {MostRepeats} repetitions");
    }

    private PatternNode? ReadGroup()
    {
        if (!Take('?')) return ReadInner();
        if (Take(':')) return ReadInner();
        if (Take('=')) return new AssertionNode(AssertionKind.Ahead, ReadInner());
        if (Take('!')) return new AssertionNode(AssertionKind.NotAhead, ReadInner());
        if (Take('>')) return new AssertionNode(AssertionKind.Atomic, ReadInner());
        if (Take('#'))
        {
            while (!AtEnd && _pattern[_position] != ')') _position++;
            return Take(')') ? null : throw Wrong("a comment without an end");
        }

        if (Take('<'))
        {
            if (Take('=')) return new AssertionNode(AssertionKind.Behind, ReadInner());
            if (Take('!')) return new AssertionNode(AssertionKind.NotBehind, ReadInner());
            while (!AtEnd && _pattern[_position] != '>') _position++;
            return Take('>') ? ReadInner() : throw Wrong("a group's name without an end");
        }

        return ReadOptions();
    }

    private PatternNode ReadInner()
    {
        (bool ignoreCase, bool dot, bool extended) = (_ignoreCase, _dotTakesLineEnd, _isExtended);
        PatternNode node = ReadChoice();
        (_ignoreCase, _dotTakesLineEnd, _isExtended) = (ignoreCase, dot, extended);
        return Take(')') ? node : throw Wrong("a group without an end");
    }

    /// <summary>Options of a group, or of all that follows in this one.</summary>
    private PatternNode ReadOptions()
    {
        (bool ignoreCase, bool dot, bool extended) = (_ignoreCase, _dotTakesLineEnd, _isExtended);
        bool on = true;
        while (!AtEnd)
        {
            char c = _pattern[_position++];
            switch (c)
            {
                case '-': on = false; break;
                case 'i': _ignoreCase = on; break;
                case 'm': _dotTakesLineEnd = on; break;
                case 'x': _isExtended = on; break;
                case ':' or ')':
                    // Without a colon the options hold to the end of the group that they stand in, and what follows is one alternative of theirs.
                    PatternNode node = ReadChoice();
                    (_ignoreCase, _dotTakesLineEnd, _isExtended) = (ignoreCase, dot, extended);
                    if (c == ':' && !Take(')')) throw Wrong("a group without an end");
                    return node;
                default: throw Wrong($"the group option '{c}'");
            }
        }

        throw Wrong("a group without an end");
    }

    private PatternNode ReadEscape()
    {
        if (AtEnd) throw Wrong("a backslash at the end");
        char c = _pattern[_position];
        PlaceKind? place = c switch
        {
            'A' => PlaceKind.TextStart,
            'z' => PlaceKind.TextEnd,
            'Z' => PlaceKind.TextEndOrLastLine,
            'b' => PlaceKind.WordBoundary,
            'B' => PlaceKind.NoWordBoundary,
            _ => null,
        };
        if (place is PlaceKind kind)
        {
            _position++;
            return new PlaceNode(kind);
        }

        if (c is >= '1' and <= '9' or 'k' or 'g' or 'G' or 'K' or 'X' or 'y' or 'Y') throw Wrong($"the escape '\\{c}'");
        if (c == 'R') return ReadLineEnd();
        return ReadSetEscape() is CodePointSet set ? new SetNode(set) : Literal(ReadCharacterEscape(inClass: false));
    }

    private AssertionNode ReadLineEnd()
    {
        _position++;
        PatternNode pair = new SequenceNode([new SetNode(CodePointSet.Of('\r')), new SetNode(CodePointSet.Of('\n'))]);
        return new AssertionNode(AssertionKind.Atomic, new ChoiceNode([pair, new SetNode(CodePointSet.Of((0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029)))]));
    }

    /// <summary>Reads what stands after a backslash when it means a set of characters.</summary>
    private CodePointSet? ReadSetEscape()
    {
        char c = _pattern[_position];
        CodePointSet? set = char.ToLowerInvariant(c) switch
        {
            'd' => NamedSets.Digit,
            's' => NamedSets.Space,
            'w' => NamedSets.Word,
            'h' => NamedSets.HexDigit,
            _ => null,
        };
        if (c is 'N' or 'O') set = c == 'N' ? CodePointSet.Of('\n').Negate() : CodePointSet.All;
        if (set is not null)
        {
            _position++;
            return char.IsAsciiLetterUpper(c) && c is not ('N' or 'O') ? set.Negate() : set;
        }

        if (c is not ('p' or 'P')) return null;
        _position++;
        if (!Take('{')) throw Wrong("a \\p without a name in braces");
        bool negated = Take('^') != (c == 'P');
        int end = _pattern.IndexOf('}', _position);
        if (end < 0) throw Wrong("a \\p without an end");
        string name = _pattern[_position..end];
        set = NamedSets.Find(name) ?? throw Wrong($"the character property '{name}'");
        _position = end + 1;
        return negated ? set.Negate() : set;
    }

    private int ReadCharacterEscape(bool inClass)
    {
        int c = ReadCodePoint();
        switch (c)
        {
            case 't': return '\t';
            case 'n': return '\n';
            case 'r': return '\r';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case 'b' when inClass: return '\b';
            case 'x' when Take('{'): return ReadHex(8, braces: true);
            case 'x': return ReadHex(2, braces: false);
            case 'u': return ReadHex(4, braces: false);
            case '0': return ReadOctal();
            case (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or (>= '1' and <= '9'): throw Wrong($"the escape '\\{(char)c}'");
            default: return c;
        }
    }

    private int ReadHex(int most, bool braces)
    {
        int start = _position;
        while (!AtEnd && _position - start < most && char.IsAsciiHexDigit(_pattern[_position])) _position++;
        if (_position == start || (braces && !Take('}'))) throw Wrong("a character's number that is not hexadecimal");
        ReadOnlySpan<char> digits = _pattern.AsSpan(start..(braces ? _position - 1 : _position));
        int value = int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        return value is >= 0 and <= CodePointSet.Last ? value : throw Wrong("a character's number that is too large");
    }

    private int ReadOctal()
    {
        int value = 0;
        for (int i = 0; i < 2 && !AtEnd && _pattern[_position] is >= '0' and <= '7'; i++) value = value * 8 + _pattern[_position++] - '0';
        return value;
    }

    private CodePointSet ReadClass()
    {
        if (++_depth > DeepestNesting) throw Wrong("classes nested too deep");
        bool negated = Take('^');
        CodePointSet? before = null;
        CodePointSet set = CodePointSet.Empty;
        for (bool first = true; ; first = false)
        {
            if (AtEnd) throw Wrong("a '[' without an end");
            if (!first && Take(']')) break;
            if (_pattern.AsSpan(_position).StartsWith("&&"))
            {
                _position += 2;
                before = before?.Intersect(set) ?? set;
                set = CodePointSet.Empty;
                continue;
            }

            set = set.Union(ReadClassItem());
        }

        _depth--;
        set = before?.Intersect(set) ?? set;
        if (_ignoreCase) set = WithOtherCases(set);
        return negated ? set.Negate() : set;
    }

    private CodePointSet ReadClassItem()
    {
        if (ReadPosixClass() is CodePointSet posix) return posix;
        if (Take('[')) return ReadClass();
        if (!TryReadClassCharacter(out int first, out CodePointSet? set)) return set!;
        int hyphen = _position;
        if (!Take('-')) return CodePointSet.Of(first);

        // A hyphen that ends the class, or stands before a set, is itself.
        if (AtEnd || _pattern[_position] is ']' or '[' || !TryReadClassCharacter(out int last, out _))
        {
            _position = hyphen;
            return CodePointSet.Of(first);
        }

        return first <= last ? CodePointSet.Of((first, last)) : throw Wrong("a range whose end is before its start");
    }

    private bool TryReadClassCharacter(out int codePoint, out CodePointSet? set)
    {
        set = null;
        codePoint = 0;
        if (Take('\\'))
        {
            if (AtEnd) throw Wrong("a backslash at the end");
            set = ReadSetEscape();
            if (set is not null) return false;
            codePoint = ReadCharacterEscape(inClass: true);
            return true;
        }

        codePoint = ReadCodePoint();
        return true;
    }

    private CodePointSet? ReadPosixClass()
    {
        if (!_pattern.AsSpan(_position).StartsWith("[:")) return null;
        int end = _pattern.IndexOf(":]", _position, StringComparison.Ordinal);
        if (end < 0) return null;
        string name = _pattern[(_position + 2)..end];
        bool negated = name.StartsWith('^');
        if (NamedSets.FindPosix(negated ? name[1..] : name) is not CodePointSet set) return null;
        _position = end + 2;
        return negated ? set.Negate() : set;
    }

    private SetNode Literal(int codePoint)
    {
        CodePointSet set = CodePointSet.Of(codePoint);
        return new SetNode(_ignoreCase ? WithOtherCases(set) : set);
    }

    private static CodePointSet WithOtherCases(CodePointSet set)
    {
        List<(int, int)> more = [];
        foreach ((int first, int last) in set.Ranges)
        {
            for (int c = first; c <= last; c++)
                foreach (int other in CaseData.SameFolding(c)) more.Add((other, other));
        }

        return more.Count == 0 ? set : CodePointSet.Of([.. set.Ranges, .. more]);
    }

    private int ReadCodePoint()
    {
        int codePoint = CodePoints.At(_pattern, _position);
        _position += CodePoints.Utf16Length(codePoint);
        return codePoint;
    }

    private bool Take(char c)
    {
        if (AtEnd || _pattern[_position] != c) return false;
        _position++;
        return true;
    }

    private FormatException Wrong(string what) => new($"{what}, at character {_position}");
}
