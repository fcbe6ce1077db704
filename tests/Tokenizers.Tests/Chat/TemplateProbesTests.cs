using LlmService.Tokenizers.Chat;

namespace LlmService.Tokenizers.Tests.Chat;

public sealed class TemplateProbesTests
{
    [Theory]
    [InlineData("{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}", true, true, false, false, true, false, null)]
    [InlineData("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system') }}{% endif %}{{ m.content }}{% endfor %}", false, true, false, false, true, false, null)]
    [InlineData("{% for m in messages if m.role in ['user', 'assistant'] %}{{ m.content }}{% endfor %}", false, true, false, false, false, false, null)]
    [InlineData("{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %}{% endfor %}", true, true, true, false, true, false, null)]
    [InlineData("{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}", true, false, true, false, false, false, null)]
    [InlineData("{{ tools|tojson if tools }}{{ documents|tojson if documents }}{% if enable_thinking %}<think>{% endif %}", false, false, false, true, false, true, "enable_thinking")]
    [InlineData("{% if add_generation_prompt and thinking is defined and thinking %}<think>{% endif %}", false, false, false, false, false, false, "thinking")]
    [InlineData("{% for m in messages %}{% if m.role in ['developer', 'user'] %}{{ m.content }}{% endif %}{% endfor %}", false, true, false, false, false, false, null)]
    [InlineData("{{ nonsense.that.fails }}", false, false, false, false, false, false, null)]
    public void Abilities_AreFoundByRendering(string source, bool system, bool text, bool parts, bool tools, bool results, bool documents, string? thinking) =>
        Assert.Equal(new ChatTemplateAbilities(system, source.Contains("developer", StringComparison.Ordinal), text, parts, tools, results, documents, thinking), ChatTemplate.Parse(source, "t").Abilities);
}
