using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>What a model without a chat template reads of a conversation.</summary>
public sealed class PlainRenderingTests
{
    private const string Request = """
        {"model":"acme/tiny","max_tokens":1,"return_token_ids":true,"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"One?"},
        {"role":"assistant","content":"Yes."},{"role":"assistant"},{"role":"user","content":[{"type":"text","text":"Tw"},{"type":"text","text":"o?"}]}]}
        """;

    [Theory]
    [InlineData(false, "Be brief.\nUser: One?\nAssistant: Yes.\nAssistant: \nUser: Two?\nAssistant:")]
    [InlineData(true, "Be brief.\nTwo?")]
    public async Task Conversation_IsRenderedForTheKindOfModel(bool isEncoderDecoder, string prompt)
    {
        await using TestHost host = await TestHost.StartAsync(
            TestHost.Ready("acme/tiny", new ScriptedRunner("x") { IsEncoderDecoder = isEncoderDecoder }, ByteTokenizer.Create()));
        JsonElement body = await host.PostForJsonAsync("/v1/chat/completions", Request);
        byte[] ids = [.. body.GetProperty("choices")[0].GetProperty("prompt_token_ids").EnumerateArray().Select(id => id.GetByte())];
        Assert.Equal(prompt, System.Text.Encoding.UTF8.GetString(ids));
    }
}
