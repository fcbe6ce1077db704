using System.Diagnostics;
using System.Text.Json;
using LlmService.Tokenizers.Jinja;
using LlmService.Tokenizers.Tests.Jinja;

namespace LlmService.Tokenizers.Tests.Chat;

/// <summary>Damaged templates end with a text or with an exception of ours. The long run is in the benchmarks.</summary>
public sealed class TemplateFuzzTests
{
    private const string Conversation = """
        {"messages":[{"role":"system","content":"S"},{"role":"user","content":"U <|im_end|> 😀"},{"role":"assistant","content":"<think>t</think>A"},{"role":"user","content":[{"type":"text","text":"P"}]}],
         "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["integer","null"]}}}}}],
         "add_generation_prompt":true,"bos_token":"<s>","eos_token":"</s>","x":{"y":[1,2.5,null]},"y":"abc"}
        """;

    [Fact]
    public void Render_DamagedTemplates_GiveATextOrOurException()
    {
        using JsonDocument json = JsonDocument.Parse(Conversation);
        Dictionary<string, Value> variables = Templates.Variables(json.RootElement);
        TemplateMutator mutator = new(OwnTemplates.All, seed: 1);
        TemplateLimits limits = TemplateLimits.Default with { Steps = 200_000, AllText = 8 << 20, TextLength = 1 << 20 };
        int rendered = 0, refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            string source = mutator.Next();
            try
            {
                Template.Parse(source, "t", limits).Render(variables, Templates.Now, limits, TestContext.Current.CancellationToken);
                rendered++;
            }
            catch (TemplateException e)
            {
                Assert.True(e.Line >= 1 && e.Column >= 1 && e.Reason.Length > 0, source);
                refused++;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new UnreachableException($"{e.GetType().Name} from: {source}", e);
            }
        }

        // Damage of both kinds: what still renders, and what does not.
        Assert.True(rendered > 100 && refused > 100, $"{rendered} rendered, {refused} refused");
    }
}
