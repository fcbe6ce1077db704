using LlmService.Tokenizers.Chat;

namespace LlmService.Tokenizers.Tests.Chat;

internal static class Rendered
{
    /// <summary>Renders until the test ends.</summary>
    public static RenderedChat RenderNow(this ChatTemplate template, ChatTemplateInput input) => template.Render(input, TestContext.Current.CancellationToken);
}
