using LlmService.Tokenizers.Unicode;

namespace LlmService.Tokenizers.Jinja;

/// <summary>Cuts a template into tokens, with trim_blocks and lstrip_blocks, as the reference's lexer does.</summary>
internal sealed class Lexer
{
    // Longest first.
    private static readonly string[] OperatorTexts =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<JinjaToken> _tokens = [];
    private readonly Stack<char> _open = [];
    private int _at;
    private bool _atLineStart = true;

    private Lexer(string source) => _source = source;

    /// <summary>Line ends become one character, and one at the end of the file is dropped.</summary>
    public static string Normalize(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        return source.EndsWith('\n') ? source[..^1] : source;
    }

    /// <summary>Takes a normalized source.</summary>
    public static List<JinjaToken> Tokenize(string source)
    {
        Lexer lexer = new(source);
        while (lexer._at < source.Length) lexer.ReadRoot();
        lexer.Add(TokenKind.End, "", source.Length);
        return lexer._tokens;
    }

    private void ReadRoot()
    {
        int start = _at;
        int tag = FindTag(_at);
        if (tag < 0)
        {
            AddData(_source[start..], start);
            _at = _source.Length;
            return;
        }

        char kind = _source[tag + 1];
        if (kind == '%' && TryRawBegin(tag, out int rawBody, out char rawSign))
        {
            AddData(Strip(start, tag, rawSign, lstrip: true), start);
            Advance(rawBody);
            ReadRaw(tag);
            return;
        }

        char sign = SignAt(tag + 2);
        AddData(Strip(start, tag, sign, lstrip: kind != '{'), start);
        Advance(tag + (sign == '\0' ? 2 : 3));
        switch (kind)
        {
            case '#':
                ReadComment(tag);
                break;
            case '%':
                Add(TokenKind.BlockBegin, "{%", tag);
                ReadTag(TokenKind.BlockEnd, '%');
                break;
            default:
                Add(TokenKind.VariableBegin, "{{", tag);
                ReadTag(TokenKind.VariableEnd, '}');
                break;
        }
    }

    private int FindTag(int from)
    {
        for (int i = from; ; i++)
        {
            int brace = _source.AsSpan(i).IndexOf('{');
            if (brace < 0 || i + brace + 1 >= _source.Length) return -1;
            i += brace;
            if (_source[i + 1] is '%' or '{' or '#') return i;
        }
    }

    private char SignAt(int at) => at < _source.Length && _source[at] is '-' or '+' ? _source[at] : '\0';

    /// <summary>The text before a tag, without what the tag's sign or lstrip_blocks takes.</summary>
    private string Strip(int start, int end, char sign, bool lstrip)
    {
        int stop = end;
        if (sign == '-')
        {
            while (stop > start && PythonText.IsSpace(_source[stop - 1])) stop--;
        }
        else if (sign != '+' && lstrip)
        {
            int line = end > start ? _source.LastIndexOf('\n', end - 1, end - start) + 1 : 0;
            if (line > 0 || _atLineStart)
            {
                int from = Math.Max(line, start);
                if (IsSpace(from, end)) stop = from;
            }
        }

        return _source[start..stop];
    }

    private bool IsSpace(int start, int end)
    {
        for (int i = start; i < end; i++)
            if (!PythonText.IsSpace(_source[i])) return false;
        return true;
    }

    private bool TryRawBegin(int tag, out int body, out char sign)
    {
        sign = SignAt(tag + 2);
        body = -1;
        int at = SkipSpace(tag + (sign == '\0' ? 2 : 3));
        if (!StartsWith(at, "raw")) return false;
        at = SkipSpace(at + 3);
        body = StartsWith(at, "-%}") ? SkipSpace(at + 3) : StartsWith(at, "%}") ? at + 2 : -1;
        return body >= 0;
    }

    private void ReadRaw(int begin)
    {
        int start = _at;
        // As in the reference, nothing is missing where nothing follows.
        if (start == _source.Length) return;
        for (int tag = start; ; tag++)
        {
            tag = _source.IndexOf("{%", tag, StringComparison.Ordinal);
            if (tag < 0) throw Error("Missing end of raw directive", begin);
            char sign = SignAt(tag + 2);
            int at = SkipSpace(tag + (sign == '\0' ? 2 : 3));
            if (!StartsWith(at, "endraw")) continue;
            int end = EndOf(SkipSpace(at + 6), '%', trims: true);
            if (end < 0) continue;
            AddData(Strip(start, tag, sign, lstrip: true), start);
            Advance(end);
            return;
        }
    }

    private void ReadComment(int begin)
    {
        if (_at == _source.Length) return;
        int end = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (end < 0) throw Error("Missing end of comment tag", begin);
        bool isSigned = end > _at && _source[end - 1] is '-' or '+';
        Advance(EndOf(isSigned ? end - 1 : end, '#', trims: true));
    }

    /// <summary>The place after the end of a tag, with what it takes from the text behind it; -1 when there is none here.</summary>
    private int EndOf(int at, char kind, bool trims)
    {
        if (StartsWith(at, $"-{kind}}}")) return SkipSpace(at + 3);
        if (trims && StartsWith(at, $"+{kind}}}")) return at + 3;
        if (!StartsWith(at, $"{kind}}}")) return -1;
        return trims && at + 2 < _source.Length && _source[at + 2] == '\n' ? at + 3 : at + 2;
    }

    private void ReadTag(TokenKind endKind, char end)
    {
        _open.Clear();
        while (_at < _source.Length)
        {
            int start = _at;
            if (_open.Count == 0 && EndOf(_at, end, trims: end == '%') is int after and >= 0)
            {
                Advance(after);
                Add(endKind, "", start);
                return;
            }

            if (PythonText.IsSpace(_source[_at])) Advance(SkipSpace(_at));
            else if (char.IsAsciiDigit(_source[_at])) ReadNumber();
            else if (WordEnd(_at) is int word && word > _at) ReadName(word);
            else if (_source[_at] is '\'' or '"') ReadText();
            else ReadOperator();
        }
    }

    private void ReadNumber()
    {
        int end = NumberScanner.Float(_source, _at);
        TokenKind kind = TokenKind.Float;
        if (end < 0) (end, kind) = (NumberScanner.Integer(_source, _at), TokenKind.Integer);
        Add(kind, _source[_at..end].Replace("_", "", StringComparison.Ordinal), _at);
        Advance(end);
    }

    private void ReadName(int end)
    {
        string name = _source[_at..end];
        if (!PythonText.IsIdentifier(name)) throw Error("Invalid character in identifier", _at);
        Add(TokenKind.Name, name, _at);
        Advance(end);
    }

    private void ReadText()
    {
        char quote = _source[_at];
        int end = _at + 1;
        while (end < _source.Length && _source[end] != quote) end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length) throw Error($"unexpected char '{quote}'", _at);
        Add(TokenKind.Text, StringLiteral.Unescape(_source.AsSpan(_at + 1, end - _at - 1), _at), _at);
        Advance(end + 1);
    }

    private void ReadOperator()
    {
        string op = Array.Find(OperatorTexts, o => StartsWith(_at, o)) ?? throw Error($"unexpected char '{_source[_at]}'", _at);
        if (op is "{" or "(" or "[")
        {
            _open.Push(op[0] switch { '{' => '}', '(' => ')', _ => ']' });
        }
        else if (op is "}" or ")" or "]")
        {
            if (!_open.TryPop(out char expected)) throw Error($"unexpected '{op}'", _at);
            if (expected != op[0]) throw Error($"unexpected '{op}', expected '{expected}'", _at);
        }

        Add(TokenKind.Operator, op, _at);
        Advance(_at + op.Length);
    }

    private int WordEnd(int at)
    {
        while (at < _source.Length)
        {
            int codePoint = CodePoints.At(_source, at);
            if (!PythonText.IsWord(codePoint)) break;
            at += CodePoints.Utf16Length(codePoint);
        }

        return at;
    }

    private int SkipSpace(int at)
    {
        while (at < _source.Length && PythonText.IsSpace(_source[at])) at++;
        return at;
    }

    private bool StartsWith(int at, string text) => at <= _source.Length && _source.AsSpan(at).StartsWith(text);

    private void Advance(int to)
    {
        if (to > _at) _atLineStart = _source[to - 1] == '\n';
        _at = to;
    }

    private void AddData(string text, int offset)
    {
        if (text.Length > 0) Add(TokenKind.Data, text, offset);
    }

    private void Add(TokenKind kind, string text, int offset) => _tokens.Add(new JinjaToken(kind, text, offset));

    private static JinjaError Error(string reason, int offset) => new(TemplateFailure.Syntax, reason) { Offset = offset };
}
