using System.Text.Json;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Tests.Jinja;

/// <summary>Renders templates as the tests need it: with a fixed clock.</summary>
internal static class Templates
{
    public static readonly DateTime Now = new(2024, 7, 26, 13, 37, 5);

    public static string Render(string source, string variables = "{}", TemplateLimits? limits = null) =>
        RenderValue(source, variables, limits).Text;

    public static StringValue RenderValue(string source, string variables = "{}", TemplateLimits? limits = null)
    {
        using JsonDocument json = JsonDocument.Parse(variables);
        return Template.Parse(source, "test.jinja", limits ?? TemplateLimits.Default)
            .Render(Variables(json.RootElement), Now, limits ?? TemplateLimits.Default, TestContext.Current.CancellationToken);
    }

    public static Dictionary<string, Value> Variables(JsonElement json) => json.EnumerateObject().ToDictionary(p => p.Name, p => JsonValues.Read(p.Value));

    public static TemplateException Fails(string source, string variables = "{}", TemplateLimits? limits = null) =>
        Assert.Throws<TemplateException>(() => Render(source, variables, limits));
}
