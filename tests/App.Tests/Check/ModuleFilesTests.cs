using System.Text.Json;
using LlmService.App.Cli;
using LlmService.App.Tests;
using LlmService.LoopbackHub;

namespace LlmService.App.Check;

/// <summary>Which files of an embedder's modules a load takes from the Hub.</summary>
public sealed class ModuleFilesTests : IAsyncLifetime
{
    private const string Modules = """
        [{"type":"sentence_transformers.models.Transformer","path":""},{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"},{"type":"sentence_transformers.models.Dense","path":"2_Dense"}]
        """;

    private readonly string _home = Directory.CreateTempSubdirectory("modules test ").FullName;
    private readonly EncoderFolder _model = EncoderFolder.Embedder().Write("modules.json", Modules).Write("sentence_bert_config.json", """{"max_seq_length":7}""")
        .Write("config_sentence_transformers.json", """{"prompts":{"query":"one "}}""").Write("1_Pooling/config.json", "{}")
        .Write("2_Dense/config.json", """{"in_features":32,"out_features":2,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"}""")
        .Write("2_Dense_256/config.json", """{"in_features":32,"out_features":256}""").Write("2_Dense_256/model.safetensors", "of no use here");

    private LoopbackHubServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        Repository lacking = Repository.FromFolder("acme/lacking", _model.Folder);
        byte[] header = System.Text.Encoding.UTF8.GetBytes("""{"linear.weight":{"dtype":"F32","shape":[2,32],"data_offsets":[0,256]}}""");
        Directory.CreateDirectory(Path.GetDirectoryName(_model["2_Dense/model.safetensors"])!);
        await File.WriteAllBytesAsync(_model["2_Dense/model.safetensors"], [.. BitConverter.GetBytes((long)header.Length), .. header, .. new byte[256]]);
        _server = await LoopbackHubServer.StartAsync([Repository.FromFolder("acme/embedder", _model.Folder), lacking]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _model.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task Pull_Embedder_BringsTheSettingsAndTheWeightsOfItsModules()
    {
        (int exit, JsonElement json) = await RunAsync("pull", "acme/embedder", "--json");

        Assert.Equal(0, exit);
        string snapshot = json.GetProperty("path").GetString()!;
        string[] files = [.. Directory.GetFiles(snapshot, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(snapshot, file).Replace('\\', '/')).Order(StringComparer.Ordinal)];
        Assert.Equal(["1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors", "2_Dense_256/config.json", "config.json", "config_sentence_transformers.json",
            "model.safetensors", "modules.json", "sentence_bert_config.json", "tokenizer.json"], files);
        (int embedded, JsonElement vectors) = await RunAsync("embed", "acme/embedder", "one", "--json");
        Assert.Equal((0, 2), (embedded, vectors.GetProperty("embeddings")[0].GetProperty("embedding").GetArrayLength()));
    }

    [Fact]
    public async Task Check_ModuleWithoutWeights_IsNamed()
    {
        (int exit, JsonElement json) = await RunAsync("check", "acme/lacking", "--json");

        Assert.NotEqual(0, exit);
        Assert.Equal("no_usable_weights", json.GetProperty("code").GetString());
        Assert.Contains("module '2_Dense'", json.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private async Task<(int Exit, JsonElement Json)> RunAsync(params string[] args)
    {
        ProcessContext context = TestContexts.Create(_home, new Dictionary<string, string> { ["HF_ENDPOINT"] = _server.Hub.Address, ["HF_HOME"] = Path.Combine(_home, "hf") });
        int exit = await CommandLine.RunAsync(args, context);
        using JsonDocument json = JsonDocument.Parse(context.Out.ToString()!);
        return (exit, json.RootElement.Clone());
    }
}
