using System.Net;
using System.Text.Json;

namespace LlmService.App.Http;

public sealed class TokenizeEndpointsTests
{
    /// <summary>The scripted tokenizer spells bytes.</summary>
    [Theory]
    [InlineData("""{"prompt":"hé"}""", "[104,195,169]")]
    [InlineData("""{"content":"hé","model":"acme/tiny"}""", "[104,195,169]")]
    [InlineData("""{"content":"hé","with_pieces":true}""", """[{"id":104,"piece":"h"},{"id":195,"piece":[195]},{"id":169,"piece":[169]}]""")]
    public async Task Tokenize_Text_GivesIds(string request, string expected)
    {
        await using TestHost host = await TestHost.StartAsync("x");
        using JsonDocument answer = JsonDocument.Parse(await host.PostForTextAsync("/tokenize", request));
        Assert.Equal(expected, answer.RootElement.GetProperty("tokens").GetRawText());
        Assert.Equal(3, answer.RootElement.GetProperty("count").GetInt32());
        Assert.Equal("acme/tiny", answer.RootElement.GetProperty("model").GetString());
    }

    [Fact]
    public async Task Detokenize_Ids_GivesTheTextUnderBothNames()
    {
        await using TestHost host = await TestHost.StartAsync("x");
        Assert.Equal("""{"model":"acme/tiny","prompt":"hé","content":"hé"}""", await host.PostForTextAsync("/detokenize", """{"tokens":[104,195,169]}"""));
    }

    [Theory]
    [InlineData("/tokenize", "{}", "prompt")]
    [InlineData("/tokenize", """{"prompt":"a","content":"b"}""", "prompt")]
    [InlineData("/tokenize", """{"prompt":7}""", "prompt")]
    [InlineData("/tokenize", """{"messages":[]}""", "messages")]
    [InlineData("/detokenize", """{"tokens":"104"}""", "tokens")]
    [InlineData("/detokenize", """{"tokens":[-1]}""", "tokens")]
    [InlineData("/detokenize", """{"tokens":[104,257]}""", "tokens")]
    public async Task Field_ThatIsBad_IsNamed(string path, string body, string parameter)
    {
        await using TestHost host = await TestHost.StartAsync("x");
        using HttpResponseMessage response = await host.PostAsync(path, body);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        using JsonDocument json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(parameter, json.RootElement.GetProperty("error").GetProperty("param").GetString());
    }
}
