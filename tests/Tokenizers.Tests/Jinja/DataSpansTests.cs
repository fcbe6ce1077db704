using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Tests.Jinja;

/// <summary>What came from data is known wherever it ends up. In the expectations it stands between brackets.</summary>
public sealed class DataSpansTests
{
    [Theory]
    [InlineData("<{{ s }}>", "<[Ab c]>")]
    [InlineData("{{ '<' + s + '>' + s }}", "<[Ab c]>[Ab c]")]
    [InlineData("{{ '<' ~ s ~ 1 ~ s ~ s }}", "<[Ab c]1[Ab cAb c]")]
    [InlineData("{{ ('  ' + s + ' ')|trim }}", "[Ab c]")]
    [InlineData("{{ ('x' + s)[1:-1] }}|{{ ('x' + s + 'y')[::-1] }}", "[Ab ]|y[c bA]x")]
    [InlineData("{{ ('<' + s + '>').split(' ') | join('_') }}", "<[Ab]_[c]>")]
    [InlineData("{{ ('<' + s + '>').replace('b', '<b>') }}", "<[A]<b>[ c]>")]
    [InlineData("{{ ('<' + s + '>')|upper }}", "<[AB C]>")]
    [InlineData("{{ ('<' + s) * 2 }}", "<[Ab c]<[Ab c]")]
    [InlineData("{{ '<%s|%5s>' % (s, 'x') }}", "<[Ab c]|    x>")]
    [InlineData("{{ '<{}|{:>6}>'.format(s, s) }}", "<[Ab c]|  [Ab c]>")]
    [InlineData("{{ {'k': s} }}", "{'k': '[Ab c]'}")]
    [InlineData("{{ {'k': s}|tojson }}", "{\"k\": \"[Ab c]\"}")]
    [InlineData("{{ [s]|tojson(indent=1) }}", "[\n \"[Ab c]\"\n]")]
    [InlineData("{% set x %}<{{ s }}>{% endset %}{{ x }}", "<[Ab c]>")]
    [InlineData("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(s) }}", "<[Ab c]>")]
    [InlineData("{% filter upper %}<a>{{ s }}{% endfilter %}", "<A>[AB C]")]
    [InlineData("{% for c in s %}{{ c }},{% endfor %}", "[A],[b],[ ],[c],")]
    [InlineData("{{ ('<' + s)|indent(2, true) }}", "  <[Ab c]")]
    [InlineData("{{ [s, 'x', s]|join('<>') }}", "[Ab c]<>x<>[Ab c]")]
    [InlineData("{% generation %}<{{ s }}>{% endgeneration %}", "<[Ab c]>")]
    [InlineData("{{ s|e }}{{ ('<' + s)|e }}{{ (d.k + '<')|e }}", "[Ab c]&lt;[Ab c&lt;s&gt;]&lt;")]
    [InlineData("{{ ['\"' + d.q]|tojson }}{{ ['\n' + d.q] }}", "[\"\\\"[\\n]\"]['\\n[\\n]']")]
    [InlineData("{{ d.k }}{{ d['k'] }}{{ d.items()|list|first|last }}", "[<s><s><s>]")]
    public void Render_DataThroughOperations_StaysKnown(string source, string expected) =>
        Assert.Equal(expected, Bracketed(Templates.RenderValue(source, """{"s":"Ab c","d":{"k":"<s>","q":"\n"}}""")));

    /// <summary>Operations that make a new text of an old one say that all of it is data: never too little.</summary>
    [Theory]
    [InlineData("{{ ('<' + s)|urlencode }}", "[%3CAb%20c]")]
    [InlineData("{{ ('ß<' + s)|upper }}", "[SS<AB C]")]
    public void Render_RebuiltText_IsDataAsAWhole(string source, string expected) =>
        Assert.Equal(expected, Bracketed(Templates.RenderValue(source, """{"s":"Ab c"}""")));

    private static string Bracketed(StringValue value)
    {
        string text = value.Text;
        for (int i = (value.Data?.Count ?? 0) - 1; i >= 0; i--)
        {
            TextRange range = value.Data![i, value.Text.Length];
            text = text.Insert(range.End, "]").Insert(range.Start, "[");
        }

        return text;
    }
}
