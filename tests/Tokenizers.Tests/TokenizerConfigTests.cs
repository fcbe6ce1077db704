namespace LlmService.Tokenizers.Tests;

public sealed class TokenizerConfigTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tokenizer-config-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_NoFiles_GivesDefaults() => Assert.Equal(new TokenizerConfig(), TokenizerConfig.Load(_folder));

    [Theory]
    [InlineData("512", 512)]
    [InlineData("512.0", 512)]
    [InlineData("2147483646", 2147483646)]
    [InlineData("2147483647", null)]
    [InlineData("1000000000000000019884624838656", null)]
    [InlineData("1e30", null)]
    [InlineData("null", null)]
    public void Load_MaxLength_HugeMeansNone(string number, int? expected) =>
        Assert.Equal(expected, Load($$"""{"model_max_length":{{number}}}""").ModelMaxLength);

    [Theory]
    [InlineData("\"{{ messages }}\"", true)]
    [InlineData("""[{"name":"default","template":"x"}]""", true)]
    [InlineData("[]", false)]
    [InlineData("null", false)]
    public void Load_Template_IsTextOrList(string template, bool expected) =>
        Assert.Equal(expected, Load($$"""{"chat_template":{{template}}}""").HasChatTemplate);

    [Theory]
    [InlineData("chat_template.jinja", "{{ messages }}")]
    [InlineData("chat_template.json", """{"chat_template":"{{ messages }}"}""")]
    public void Load_TemplateFile_Counts(string name, string content)
    {
        File.WriteAllText(Path.Combine(_folder, name), content);
        Assert.True(TokenizerConfig.Load(_folder).HasChatTemplate);
        Assert.True(Load("""{"eos_token":"</s>"}""").HasChatTemplate);
    }

    [Theory]
    [InlineData("\"</s>\"", "</s>")]
    [InlineData("""{"__type":"AddedToken","content":"</s>","lstrip":false}""", "</s>")]
    [InlineData("null", null)]
    public void Load_Tokens_AreTextOrObject(string token, string? expected)
    {
        TokenizerConfig config = Load($$"""{"eos_token":{{token}},"bos_token":{{token}}}""");
        Assert.Equal((expected, expected), (config.EosToken, config.BosToken));
    }

    [Theory]
    [InlineData("{", null)]
    [InlineData("[]", "$")]
    [InlineData("""{"model_max_length":"many"}""", "$.model_max_length")]
    [InlineData("""{"eos_token":7}""", "$.eos_token")]
    [InlineData("""{"bos_token":{"content":7}}""", "$.bos_token.content")]
    public void Load_Damaged_NamesThePlace(string json, string? path)
    {
        TokenizerException error = Assert.Throws<TokenizerException>(() => Load(json));
        Assert.Equal(TokenizerFailure.Corrupt, error.Failure);
        Assert.Equal(Path.Combine(_folder, "tokenizer_config.json"), error.File);
        if (path is not null) Assert.Equal(path, error.JsonPath);
    }

    private TokenizerConfig Load(string json)
    {
        File.WriteAllText(Path.Combine(_folder, "tokenizer_config.json"), json);
        return TokenizerConfig.Load(_folder);
    }
}
