using System.Text.Json;
using LlmService.App.Cli;
using LlmService.App.Tests;
using LlmService.Inference.Tests.Weights.Gguf;
using LlmService.LoopbackHub;

namespace LlmService.App.Check;

public sealed class WeightFormatTests : IAsyncLifetime
{
    private static readonly string Demo = Path.Combine(AppContext.BaseDirectory, "demo");

    private readonly string _folder = Directory.CreateTempSubdirectory("weights test ").FullName;

    private LoopbackHubServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        byte[] story = Story("llama");
        Repository demo = Repository.FromFolder("acme/demo", Demo);
        _server = await LoopbackHubServer.StartAsync(
        [
            With(demo, "acme/gguf", only: true, ("story.Q8_0.gguf", story), ("story.Q4_0.gguf", story), ("story.Q4_K_M.gguf", story)),
            With(demo, "acme/strange", only: true, ("strange.gguf", Story("mamba"))),
            With(demo, "acme/damaged", only: true, ("damaged.gguf", story[..200])),
            With(demo, "acme/both", only: false, ("pytorch_model.bin", [1, 2, 3])),
        ]);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "my story.gguf"), story);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Check_OnlyGguf_ReadsTheHeaderAndPrefersTheMostExact()
    {
        (int exit, JsonElement json) = await RunAsync("check", "acme/gguf", "--json");

        Assert.Equal(0, exit);
        Assert.Contains("llama", Detail(json, "architecture"), StringComparison.Ordinal);
        Assert.StartsWith("story.Q8_0.gguf (GGUF q8_0, preferred; stored as f32", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Contains("q4_0 (GGUF q4_0)", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Contains("Present but not read: story.Q4_K_M.gguf (GGUF in parts or of a type that is not read)", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Contains("inside story.Q8_0.gguf", Detail(json, "tokenizer"), StringComparison.Ordinal);
        Assert.All(_server.Cdn.Requests, request => Assert.StartsWith("bytes=0-", request.Range, StringComparison.Ordinal));
        Assert.False(Directory.Exists(Path.Combine(_folder, "hf", "hub")));
    }

    [Fact]
    public async Task Pull_VariantThatWasAskedFor_BringsNothingElse()
    {
        (int exit, JsonElement json) = await RunAsync("pull", "acme/gguf", "--weights", "q4", "--json");

        Assert.Equal(0, exit);
        Assert.Equal("GGUF q4_0", json.GetProperty("weights").GetString());
        string snapshot = json.GetProperty("path").GetString()!;
        Assert.Equal(["story.Q4_0.gguf"], Directory.GetFiles(snapshot, "*.gguf").Select(path => Path.GetFileName(path)));
    }

    [Theory]
    [InlineData("acme/gguf", "fp16", 16, "q8_0 (GGUF q8_0)")]
    [InlineData("acme/gguf", "safetensors", 16, "q8_0 (GGUF q8_0)")]
    [InlineData("acme/strange", null, 15, "Unsupported model type: mamba")]
    [InlineData("acme/damaged", null, 17, "damaged.gguf")]
    public async Task Check_WhatCannotBeLoaded_IsRefusedBeforeTheWeights(string model, string? weights, int expected, string part)
    {
        (int exit, JsonElement json) = await RunAsync(weights is null ? ["check", model, "--json"] : ["check", model, "--json", "--weights", weights]);
        (int pull, _, _) = await RunTextAsync(weights is null ? ["pull", model] : ["pull", model, "--weights", weights]);

        Assert.Equal((expected, expected), (exit, pull));
        Assert.Contains(part, json.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(json.GetProperty("remedy").GetString()!);
    }

    [Fact]
    public async Task Check_SeveralFormats_SaysWhichIsTakenAndWhatElseThereIs()
    {
        (int exit, JsonElement json) = await RunAsync("check", "acme/both", "--json");
        (int damaged, _) = await RunAsync("check", "acme/both", "--json", "--weights", "pytorch");

        Assert.Equal(0, exit);
        Assert.StartsWith("model.safetensors (safetensors, preferred;", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Contains("Also there (--weights): pytorch (PyTorch)", Detail(json, "weights"), StringComparison.Ordinal);
        // The header of a PyTorch file is at its end; what is in it shows only at the load.
        Assert.Equal(0, damaged);
        Assert.Equal(17, (await RunTextAsync("run", "acme/both", "hi", "--weights", "pytorch")).Exit);
    }

    [Fact]
    public async Task Gguf_FileAsModel_TokenizesAndGenerates()
    {
        (int check, JsonElement json) = await RunAsync("check", "./my story.gguf", "--json");
        (int tokens, string ids, _) = await RunTextAsync("tokenize", "my story.gguf", "a b", "--json");
        (int run, string text, string error) = await RunTextAsync("run", "./my story.gguf", "a", "--max-tokens", "3", "--dtype", "f32");

        Assert.Equal((0, 0, 0), (check, tokens, run));
        Assert.Equal("inside my story.gguf", Detail(json, "tokenizer"));
        using JsonDocument document = JsonDocument.Parse(ids);
        Assert.Equal([1, 3, 4], document.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.NotNull(text);
        Assert.Contains("GGUF", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gguf_FileOfATypeThatIsNotRead_IsRefusedByTheType()
    {
        byte[] bytes = Story("llama", GgufWriter.Q4_K);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "story.Q4_K_M.gguf"), bytes, TestContext.Current.CancellationToken);

        (int exit, JsonElement json) = await RunAsync("check", "story.Q4_K_M.gguf", "--json");

        Assert.Equal(16, exit);
        Assert.Contains("Q4_K", json.GetProperty("message").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Tokenize_OnlyGguf_BringsNoWeights()
    {
        (int exit, string output, _) = await RunTextAsync("tokenize", "acme/gguf", "a b", "--json");

        Assert.Equal(0, exit);
        Assert.Contains("\u2581a", JsonDocument.Parse(output).RootElement.GetProperty("tokens").ToString().Replace("\\u2581", "\u2581", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.All(_server.Cdn.Requests, request => Assert.StartsWith("bytes=0-", request.Range, StringComparison.Ordinal));
    }

    /// <summary>A model of one layer and eight tokens, all of its weights zero.</summary>
    private static byte[] Story(string architecture, uint tableType = GgufWriter.F32)
    {
        GgufWriter writer = new();
        writer.Add("general.architecture", architecture).Add($"{architecture}.context_length", 64u).Add($"{architecture}.embedding_length", 8u).Add($"{architecture}.feed_forward_length", 16u)
            .Add($"{architecture}.block_count", 1u).Add($"{architecture}.attention.head_count", 2u).Add($"{architecture}.attention.head_count_kv", 2u)
            .Add($"{architecture}.attention.layer_norm_rms_epsilon", 1e-5f).Add($"{architecture}.rope.dimension_count", 4u).Add($"{architecture}.rope.freq_base", 10000f)
            .Add("tokenizer.ggml.model", "llama").Add("tokenizer.ggml.tokens", ["<unk>", "<s>", "</s>", "\u2581a", "\u2581b", "\u2581", "a", "b"]).Add("tokenizer.ggml.scores", [0f, 0f, 0f, -1f, -2f, -3f, -4f, -5f])
            .Add("tokenizer.ggml.token_type", [2, 3, 3, 1, 1, 1, 1, 1]).Add("tokenizer.ggml.bos_token_id", 1u).Add("tokenizer.ggml.eos_token_id", 2u);
        void Zeros(string name, params ulong[] dimensions) => writer.AddTensor(name, GgufWriter.F32, dimensions, new byte[4 * (int)dimensions.Aggregate((a, b) => a * b)]);
        writer.AddTensor("token_embd.weight", tableType, [8, 8], new byte[4 * 64]);
        Zeros("output_norm.weight", 8);
        Zeros("blk.0.attn_norm.weight", 8);
        Zeros("blk.0.ffn_norm.weight", 8);
        foreach (string name in new[] { "attn_q", "attn_k", "attn_v", "attn_output" })
            Zeros($"blk.0.{name}.weight", 8, 8);
        Zeros("blk.0.ffn_gate.weight", 8, 16);
        Zeros("blk.0.ffn_up.weight", 8, 16);
        Zeros("blk.0.ffn_down.weight", 16, 8);
        return writer.Build();
    }

    private static Repository With(Repository demo, string id, bool only, params (string Path, byte[] Content)[] files)
    {
        Dictionary<string, RepositoryContent> all = only ? [] : new(demo.Files, StringComparer.Ordinal);
        foreach ((string path, byte[] content) in files)
            all[path] = RepositoryContent.Of(content, isLfs: true);
        return demo with { Id = id, Files = all };
    }

    private static string Detail(JsonElement json, string name) =>
        json.GetProperty("steps").EnumerateArray().Single(step => step.GetProperty("name").GetString() == name).GetProperty("detail").GetString()!;

    private async Task<(int Exit, JsonElement Json)> RunAsync(params string[] args)
    {
        (int exit, string output, _) = await RunTextAsync(args);
        using JsonDocument json = JsonDocument.Parse(output);
        return (exit, json.RootElement.Clone());
    }

    private async Task<(int Exit, string Output, string Error)> RunTextAsync(params string[] args)
    {
        ProcessContext context = TestContexts.Create(_folder, new Dictionary<string, string> { ["HF_ENDPOINT"] = _server.Hub.Address, ["HF_HOME"] = Path.Combine(_folder, "hf") });
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }
}
