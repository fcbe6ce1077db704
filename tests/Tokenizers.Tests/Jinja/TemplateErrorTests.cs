namespace LlmService.Tokenizers.Tests.Jinja;

/// <summary>Errors name template, line, column and reason.</summary>
public sealed class TemplateErrorTests
{
    [Theory]
    [InlineData("a\n{{ 1 + }}", TemplateFailure.Syntax, 2, 8, "unexpected the end of a print statement")]
    [InlineData("a\r\nb\r\n  {% foo %}", TemplateFailure.Syntax, 3, 6, "Encountered unknown tag 'foo'.")]
    [InlineData("{% if x %}", TemplateFailure.Syntax, 1, 11, "Unexpected end of template. Looking for: 'elif', 'else', 'endif'. The innermost block that needs to be closed is 'if'.")]
    [InlineData("{{ 'a' }\n}", TemplateFailure.Syntax, 1, 8, "unexpected '}'")]
    [InlineData("\n{# never closed", TemplateFailure.Syntax, 2, 1, "Missing end of comment tag")]
    [InlineData("{{ x|nope }}", TemplateFailure.Syntax, 1, 6, "No filter named 'nope'.")]
    [InlineData("{% break %}", TemplateFailure.Syntax, 1, 1, "'break' outside loop")]
    [InlineData("\n\n {{ x.y }}", TemplateFailure.Undefined, 3, 6, "'x' is undefined")]
    [InlineData("{{ {}.y.z }}", TemplateFailure.Undefined, 1, 8, "'dict object' has no attribute 'y'")]
    [InlineData("{{ 'a' + 1 }}", TemplateFailure.Type, 1, 8, "can only concatenate str (not \"int\") to str")]
    [InlineData("{{ 1 // 0 }}", TemplateFailure.Value, 1, 6, "integer division or modulo by zero")]
    [InlineData("a\n{{ raise_exception('Only user and assistant roles') }}", TemplateFailure.Raised, 2, 19, "Only user and assistant roles")]
    [InlineData("{% include 'other' %}", TemplateFailure.Unsupported, 1, 1, "'include' is not supported: a chat template stands alone, there are no other templates to load")]
    [InlineData("{{ lipsum() }}", TemplateFailure.Unsupported, 1, 10, "'lipsum' is not supported: it makes random text")]
    public void Render_Mistake_NamesPlaceAndReason(string source, TemplateFailure failure, int line, int column, string reason)
    {
        TemplateException e = Templates.Fails(source);
        Assert.Equal((failure, "test.jinja", line, column, reason), (e.Failure, e.Template, e.Line, e.Column, e.Reason));
        Assert.Equal($"test.jinja, line {line}, column {column}: {reason}", e.Message);
    }

    [Fact]
    public void Render_ErrorInAMacro_NamesItsPlaceInTheMacro()
    {
        TemplateException e = Templates.Fails("{% macro m(x) %}\n  {{ x.a.b }}\n{% endmacro %}\n\n{{ m({}) }}");
        Assert.Equal((2, 9), (e.Line, e.Column));
    }
}
