namespace LlmService;

/// <summary>Makes damaged templates of whole ones, for tests and benchmarks that throw them at the parser.</summary>
internal sealed class TemplateMutator(IReadOnlyList<string> templates, int seed)
{
    private static readonly string[] Pieces =
    [
        "{% ", " %}", "{{ ", " }}", "{%-", "-%}", "{#", "#}", "{% for x in y %}", "{% endfor %}", "{% if x %}", "{% else %}", "{% endif %}", "{% set x = ", "{% macro m(a) %}",
        "{% endmacro %}", "{% raw %}", "{% endraw %}", "{% generation %}", "{% endgeneration %}", "{% block b %}", "{% endblock %}", "{% break %}", " recursive", "loop", "loop.last",
        "namespace(", "messages", "[0]", "[-1]", "[::-1]", "[1:", ".content", ".role", "|", "|tojson", "|map('upper')", "|list", "|join('')", "|length", "|safe", "|e", " ~ ", " + ", " * ",
        " ** ", " // ", " % ", " in ", " not ", " is ", " is defined", " and ", " or ", " if ", " else ", "(", ")", "[", "]", "{", "}", ",", ":", "=", "==", "<", "'", "\"", "\\", "\n", "\r\n",
        "range(99999)", "'x' * 99999", "9999999999999999999", "1e308", "0x", "none", "true", "self.b()", "caller()", "raise_exception('e')", "strftime_now('%Y')", "\u0000", "\uD800", "😀", "é",
        "'%s' % ", "'{}'.format(", "'{0:>99}'", "**{", "*[", "\u2028",
    ];

    private readonly Random _random = new(seed);

    /// <summary>One of the templates with a few changes.</summary>
    public string Next()
    {
        string template = templates[_random.Next(templates.Count)];
        for (int changes = 1 + _random.Next(4); changes > 0; changes--) template = Change(template);
        return template;
    }

    private string Change(string text)
    {
        int at = _random.Next(text.Length + 1);
        int length = Math.Min(_random.Next(1, 1 + _random.Next(1, 40)), text.Length - at);
        return _random.Next(7) switch
        {
            0 => text.Remove(at, length),
            1 => text.Insert(at, Pieces[_random.Next(Pieces.Length)]),
            2 => text.Remove(at, length).Insert(at, Pieces[_random.Next(Pieces.Length)]),
            3 => text.Insert(at, text.Substring(at, length)),
            4 => text.Insert(_random.Next(text.Length + 1), text.Substring(at, length)),
            5 => Splice(text, at),
            _ => at == text.Length ? text : text.Remove(at, 1).Insert(at, ((char)_random.Next(1, 0x180)).ToString()),
        };
    }

    /// <summary>The beginning of one template with the end of another.</summary>
    private string Splice(string text, int at)
    {
        string other = templates[_random.Next(templates.Count)];
        return text[..at] + other[_random.Next(other.Length + 1)..];
    }
}
