using LlmService.Inference.Kernels;

namespace LlmService.Inference.Embeddings;

/// <summary>Ids: [CLS] 2, [SEP] 3, query 4, document 5, one 6, two 7, three 8.</summary>
public sealed class TextPreparationTests
{
    private const string Prompts = """{"prompts":{"query":"query query ","document":"document "},"default_prompt_name":"document","similarity_fn_name":"cosine"}""";

    [Theory]
    [InlineData(null, new[] { 2, 5, 6, 3 })]
    [InlineData("query", new[] { 2, 4, 4, 6, 3 })]
    public async Task Text_Prompt_StandsBeforeIt(string? name, int[] expected) =>
        await WithAsync(folder => folder.Write("config_sentence_transformers.json", Prompts), texts => Assert.Equal(expected, texts.Text("one", name).Ids));

    [Fact]
    public async Task Text_UnknownPrompt_IsRefusedWithTheKnownOnes() => await WithAsync(folder => folder.Write("config_sentence_transformers.json", Prompts), texts =>
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => texts.Text("one", "passage"));

        Assert.Equal((InferenceFailure.InvalidRequest, "prompt_name"), (exception.Failure, exception.Field));
        Assert.Contains("document, query", exception.Message, StringComparison.Ordinal);
    });

    [Fact]
    public async Task Text_PromptOfAModelWithoutAny_IsRefused() =>
        await WithAsync(_ => { }, texts => Assert.Equal("prompt_name", Assert.Throws<InferenceException>(() => texts.Text("one", "query")).Field));

    // [CLS] and the prompt's words count, [SEP] does not, as in the reference.
    [Theory]
    [InlineData("""{"include_prompt":false}""", "query", 3)]
    [InlineData("""{"include_prompt":false}""", null, 2)]
    [InlineData("""{"include_prompt":true}""", "query", 0)]
    public async Task Text_PoolingWithoutThePrompt_KnowsItsTokens(string pooling, string? name, int expected) => await WithAsync(
        folder => folder.Modules(EmbedderFolder.PoolingModule).Pooling(pooling).Write("config_sentence_transformers.json", Prompts), texts => Assert.Equal(expected, texts.Text("one", name).PromptTokens));

    [Fact]
    public async Task Text_LowerCase_IsThatOfTheFile()
    {
        await WithAsync(folder => folder.Write("sentence_bert_config.json", """{"max_seq_length":9,"do_lower_case":true}"""), texts => Assert.Equal([2, 6, 7, 3], texts.Text("One TWO").Ids));
        await WithAsync(folder => folder.Write("sentence_bert_config.json", """{"max_seq_length":9,"do_lower_case":false}"""), texts => Assert.Equal([2, 1, 1, 3], texts.Text("One TWO").Ids));
    }

    [Fact]
    public async Task Text_ThatIsTooLong_IsCutOnlyOnRequest() => await WithAsync(_ => { }, texts =>
    {
        EncoderText whole = texts.Text("one two three one"), cut = texts.Text("one two three one", null, 4), fits = texts.Text("one two", null, 4);

        Assert.Equal(([2, 6, 7, 8, 6, 3], 6, false), (whole.Ids, whole.WholeTokens, whole.IsCut), Equality);
        Assert.Equal(([2, 6, 7, 3], 6, true), (cut.Ids, cut.WholeTokens, cut.IsCut), Equality);
        Assert.Equal(([2, 6, 7, 3], 4, false), (fits.Ids, fits.WholeTokens, fits.IsCut), Equality);
    });

    [Theory]
    [InlineData(2)]
    [InlineData(1)]
    public async Task Text_CutToWhatTheTokenizerAdds_IsRefused(int tokens) => await WithAsync(_ => { }, texts =>
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => texts.Text("one two", null, tokens));

        Assert.Equal("truncate_prompt_tokens", exception.Field);
        Assert.Contains("at least 3", exception.Remedy, StringComparison.Ordinal);
    });

    [Fact]
    public async Task Pair_ThatIsTooLong_LosesTokensOfTheLongerText() => await WithAsync(_ => { }, texts =>
    {
        EncoderText pair = texts.Pair("query one", "two three two three two", 7);

        Assert.Equal([2, 4, 6, 3, 7, 8, 3], pair.Ids);
        Assert.Equal([0, 0, 0, 0, 1, 1, 1], pair.Types);
        Assert.Equal(10, pair.WholeTokens);
    });

    [Fact]
    public void Tokens_OfTheCaller_AreTakenAsTheyAre()
    {
        Assert.Equal([9, 8], TextPreparation.Tokens([9, 8, 7], null, 2).Ids);
        Assert.Equal([9, 8, 7], TextPreparation.Tokens([9, 8, 7]).Ids);
        Assert.Equal("prompt_name", Assert.Throws<InferenceException>(() => TextPreparation.Tokens([9], "query")).Field);
    }

    private static readonly Func<(IReadOnlyList<int>, int, bool), (IReadOnlyList<int>, int, bool), bool> Equality = (a, b) => a.Item1.SequenceEqual(b.Item1) && (a.Item2, a.Item3) == (b.Item2, b.Item3);

    private static async Task WithAsync(Action<EmbedderFolder> write, Action<TextPreparation> check)
    {
        using EmbedderFolder folder = new();
        write(folder.Tokenizer());
        using WorkerPool workers = new(1);
        await using LlmEngine engine = LlmEngine.Load(folder.Folder, new() { Workers = workers });
        check(engine.Encoder!.Texts);
    }
}
