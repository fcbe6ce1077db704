using System.Text;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Tests.Jinja;

/// <summary>Hostile templates end with an error, soon and without much memory.</summary>
public sealed class TemplateLimitsTests
{
    [Theory]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for a in range(100000) %}{% set x = range(100000)|list %}{% endfor %}")]
    [InlineData("{% set ns = namespace(l=[1,2]) %}{% for a in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}")]
    [InlineData("{{ range(99999)|list * 1000000 }}")]
    [InlineData("{{ 'x' * 1000000000000 }}")]
    [InlineData("{{ '%9999999999d' % 1 }}")]
    [InlineData("{{ '{:9999999999}'.format(1) }}")]
    [InlineData("{{ 'x'.ljust(1000000000) }}")]
    [InlineData("{{ 'x'.zfill(1000000000) }}{{ '\t'.expandtabs(1000000000) }}")]
    [InlineData("{% set ns = namespace(s='ab') %}{% for a in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='ab') %}{% for a in range(64) %}{% set ns.s = ns.s.replace('', ns.s) %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s='<') %}{% for a in range(90) %}{% set ns.s = ns.s|forceescape ~ ns.s %}{% endfor %}")]
    [InlineData("{{ 2 ** 100000 }}")]
    [InlineData("{% set ns = namespace(i=3) %}{% for a in range(64) %}{% set ns.i = ns.i * ns.i %}{% endfor %}")]
    [InlineData("{{ range(100001) }}")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% macro m() %}{{ m()|upper|trim|e ~ [m()] }}{% endmacro %}{{ m() }}")]
    [InlineData("{% block b %}{{ self.b() }}{% endblock %}")]
    [InlineData("{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")]
    [InlineData("{% set ns = namespace(x=[]) %}{% for a in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}")]
    [InlineData("{% set ns = namespace(x=[], y=[]) %}{% for a in range(100000) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] %}{% endfor %}{{ ns.x == ns.y }}")]
    [InlineData("{% set ns = namespace(x=()) %}{% for a in range(100000) %}{% set ns.x = (ns.x,) %}{% endfor %}{{ {ns.x: 1} }}")]
    [InlineData("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}")]
    [InlineData("{% set ns = namespace(g=[1]) %}{% for a in range(100000) %}{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}")]
    [InlineData("{% for i in range(100000) %}{{ 'x' * 10000 }}{% endfor %}")]
    [InlineData("{{ range(99999)|slice(99999)|map('list')|list|map('length')|sum ~ range(99999)|batch(1000000000, 1)|list }}")]
    public void Render_HostileTemplate_EndsWithALimit(string source)
    {
        TemplateException e = Templates.Fails(source);
        Assert.Equal(TemplateFailure.Limit, e.Failure);
    }

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("-", "")]
    [InlineData("{1:", "}")]
    [InlineData("x(", ")")]
    [InlineData("x[", "]")]
    [InlineData("1 if 1 else ", "")]
    public void Parse_DeepExpression_EndsWithALimit(string open, string close)
    {
        string source = $"{{{{ {Repeat(open, 20_000)}1{Repeat(close, 20_000)} }}}}";
        Assert.Equal(TemplateFailure.Limit, Templates.Fails(source).Failure);
    }

    [Theory]
    [InlineData(" + 1")]
    [InlineData(" and 1")]
    [InlineData(" * 1")]
    [InlineData("|string")]
    [InlineData(".a")]
    [InlineData("()")]
    [InlineData(" is defined is defined")]
    [InlineData(" if 1")]
    public void Parse_LongChain_EndsWithAnError(string link) => Templates.Fails($"{{{{ 1{Repeat(link, 50_000)} }}}}");

    [Theory]
    [InlineData("{% if 1 %}")]
    [InlineData("{% for x in y %}")]
    [InlineData("{% macro m() %}")]
    [InlineData("{% filter upper %}")]
    public void Parse_DeepStatements_EndsWithALimit(string tag) => Assert.Equal(TemplateFailure.Limit, Templates.Fails(Repeat(tag, 20_000)).Failure);

    [Fact]
    public void Parse_LongSource_EndsWithALimit()
    {
        TemplateLimits limits = new() { SourceLength = 10 };
        Assert.Equal(TemplateFailure.Limit, Templates.Fails("01234567890", limits: limits).Failure);
        Assert.Equal("0123456789", Templates.Render("0123456789", limits: limits));
    }

    [Fact]
    public void Render_Cancelled_Stops()
    {
        using CancellationTokenSource cancellation = new();
        cancellation.Cancel();
        Template template = Template.Parse("{% for a in range(5000) %}{% endfor %}", "t", TemplateLimits.Default);
        Assert.Throws<OperationCanceledException>(() => template.Render(new Dictionary<string, Value>(), Templates.Now, TemplateLimits.Default, cancellation.Token));
    }

    [Fact]
    public void Render_AtTheLimitOfSteps_IsDeterministic()
    {
        TemplateLimits limits = new() { Steps = 1000 };
        string first = Templates.Fails("{% for a in range(1000) %}{{ a }}{% endfor %}", limits: limits).Message;
        Assert.Equal(first, Templates.Fails("{% for a in range(1000) %}{{ a }}{% endfor %}", limits: limits).Message);
        Assert.Contains("more than 1000 steps", first, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{ ''.__class__.__mro__ }}")]
    [InlineData("{{ messages.append(1) }}")]
    [InlineData("{{ messages[0].update({}) }}")]
    [InlineData("{{ ''['__class__']['__base__'] }}")]
    [InlineData("{{ (''|attr('__class__')).x }}")]
    [InlineData("{{ '{0.__class__.__name__}'.format(1) }}")]
    [InlineData("{{ range.__globals__.x }}")]
    public void Render_WhatTheSandboxHides_Fails(string source) =>
        Assert.True(Templates.Fails(source, """{"messages":[{}]}""").Failure is TemplateFailure.Security or TemplateFailure.Undefined);

    private static string Repeat(string text, int count) => new StringBuilder().Insert(0, text, count).ToString();
}
