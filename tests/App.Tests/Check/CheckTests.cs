using System.Text;
using System.Text.Json;
using LlmService.App.Cli;
using LlmService.App.Tests;
using LlmService.LoopbackHub;

namespace LlmService.App.Check;

public sealed class CheckTests : IAsyncLifetime
{
    private const string Open = "acme/demo";

    private static readonly string Good = string.Concat("h", "f_", new string('g', 34));
    private static readonly string Bad = string.Concat("h", "f_", new string('b', 34));
    private static readonly string Demo = Path.Combine(AppContext.BaseDirectory, "demo");

    private readonly string _folder = Directory.CreateTempSubdirectory("check test ").FullName;

    private LoopbackHubServer _server = null!;

    private string Cache => Path.Combine(_folder, "hf", "hub");

    public async ValueTask InitializeAsync()
    {
        Repository demo = Repository.FromFolder(Open, Demo);
        _server = await LoopbackHubServer.StartAsync(
        [
            demo,
            Gated(demo, "pending", "gatedPending"),
            Gated(demo, "asked", "gatedNotRequested"),
            Gated(demo, "scope", "gatedScope"),
            demo with { Id = "acme/accepted", Gated = true, AnonymousRefusal = "gatedAnonymous" },
            demo with { Id = "acme/secret", Private = true, AnonymousRefusal = "anonymous" },
            demo with { Id = "acme/policy", TokenRefusal = "policy" },
            demo with { Id = "acme/off", Disabled = true },
            With(demo, "acme/mamba", ("config.json", """{ "model_type": "mamba" }""")),
            With(demo, "acme/broken", ("config.json", """{ "model_type": "llama" }""")),
            With(demo, "acme/no-config", ("config.json", null)),
            With(demo, "acme/no-tokenizer", ("tokenizer.json", null), ("vocab.json", "x")),
            With(demo, "acme/gguf", ("model.safetensors", null), ("tokenizer.json", null), ("model.Q4_K_M.gguf", "x"), ("weights.h5", "x")),
            With(demo, "acme/no-shards", ("model.safetensors", null), ("model.safetensors.index.json", """{ "weight_map": {} }""")),
            With(demo, "acme/fp8", ("model.safetensors", Header("""{ "shared.weight": { "dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1] } }"""))),
            With(demo, "acme/cut", ("model.safetensors", "damaged weights")),
            With(demo, "acme/escape", ("config.json", $$"""{ "model_type": "ll\u001b[31mama\n{{new string('x', 100_000)}}" }""")),
            With(demo, "acme/shards", ("model.safetensors", null), ("model.safetensors.index.json", """{ "weight_map": { "a": "model-1.safetensors" } }""")),
        ]);
        _server.Tokens[Good] = null;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Check_ModelOfTheHub_PassesEveryStepAndMovesNoWeight()
    {
        (int exit, JsonElement json) = await CheckAsync(null, Open);

        Assert.Equal(0, exit);
        Assert.True(json.GetProperty("ok").GetBoolean());
        Assert.False(json.TryGetProperty("code", out _));
        Assert.Equal(
            ["endpoint", "token", "repository", "gate", "revision", "architecture", "weights", "tokenizer", "chat_template", "licence", "download", "disk", "memory"],
            json.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("name").GetString()));
        Assert.All(json.GetProperty("steps").EnumerateArray(), step => Assert.Equal("passed", step.GetProperty("status").GetString()));
        Assert.Contains("model.safetensors (safetensors", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Contains("apache-2.0", Detail(json, "licence"), StringComparison.Ordinal);
        Assert.Contains("the whole context fits", Detail(json, "memory"), StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Hub.Requests, request => request.Target.Contains("whoami", StringComparison.Ordinal));
        // The Hub has not read the header of the weights, so the check does; nothing else of them moves.
        Assert.Equal("bytes=0-65535", Assert.Single(_server.Cdn.Requests).Range);
        Assert.Contains("stored as f16", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public async Task Check_ModelInTheCache_SaysThatNothingHasToCome()
    {
        await RunAsync(Good, "run", Open, "hi", "--max-tokens", "1");

        (int exit, JsonElement json) = await CheckAsync(Good, Open);

        Assert.Equal(0, exit);
        Assert.Contains("0 B to come", Detail(json, "download"), StringComparison.Ordinal);
        Assert.Contains("valid, account alice, role read", Detail(json, "token"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_DeadTokenOnAPublicModel_IsOkWithAFailedTokenStep()
    {
        (int exit, JsonElement json) = await CheckAsync(Bad, Open);

        Assert.Equal(0, exit);
        Assert.True(json.GetProperty("ok").GetBoolean());
        Assert.Equal("failed", Status(json, "token"));
        Assert.Contains("environment variable HF_TOKEN", Detail(json, "token"), StringComparison.Ordinal);
        Assert.Equal("passed", Status(json, "memory"));
    }

    [Theory]
    [InlineData("acme/none", null, 14, "model_not_found", "NotFoundOrPrivate", "repository")]
    [InlineData("acme/none", "good", 14, "model_not_found", "NotFoundForAccount", "repository")]
    [InlineData("acme/secret", null, 14, "model_not_found", "NotFoundOrPrivate", "repository")]
    [InlineData("acme/secret", "bad", 11, "unauthorized", "TokenInvalid", "token")]
    [InlineData("acme/pending", null, 12, "gated", "GatedNeedsLogin", "gate")]
    [InlineData("acme/pending", "bad", 11, "unauthorized", "TokenInvalid", "token")]
    [InlineData("acme/pending", "good", 12, "gated", "GatedPending", "gate")]
    [InlineData("acme/asked", "good", 12, "gated", "GatedNotRequested", "gate")]
    [InlineData("acme/scope", "good", 13, "forbidden", "TokenLacksGatedPermission", "gate")]
    [InlineData("acme/policy", "good", 13, "forbidden", "OrgTokenPolicy", "token")]
    [InlineData("acme/off", null, 13, "forbidden", "RepoDisabled", "repository")]
    [InlineData("acme/demo@nope", null, 14, "model_not_found", "RevisionNotFound", "revision")]
    [InlineData("acme/mamba", null, 15, "unsupported_model_type", null, "architecture")]
    [InlineData("acme/broken", null, 17, "corrupt_model", null, "architecture")]
    [InlineData("acme/no-config", null, 16, "no_usable_weights", null, "architecture")]
    [InlineData("acme/no-tokenizer", null, 16, "no_usable_weights", null, "tokenizer")]
    [InlineData("acme/gguf", null, 16, "no_usable_weights", null, "weights")]
    [InlineData("acme/shards", null, 16, "no_usable_weights", null, "weights")]
    public async Task Check_ModelThatCannotBeLoaded_FailsAtItsStepWithTheWordsOfTheLoad(string model, string? kind, int expected, string code, string? diagnosis, string step)
    {
        string? token = kind switch { "good" => Good, "bad" => Bad, _ => null };

        (int exit, JsonElement json) = await CheckAsync(token, model);
        (int loadExit, string loadOutput, _) = await RunAsync(token, "run", model, "hi", "--json");
        using JsonDocument load = JsonDocument.Parse(loadOutput);

        Assert.Equal(expected, exit);
        Assert.Equal((false, code, diagnosis), (json.GetProperty("ok").GetBoolean(), json.GetProperty("code").GetString(), json.GetProperty("diagnosis").GetString()));
        Assert.Equal("failed", Status(json, step));
        Assert.NotEmpty(json.GetProperty("remedy").GetString()!);
        Assert.Equal(expected, loadExit);
        Assert.Equal(load.RootElement.GetProperty("message").GetString(), json.GetProperty("message").GetString());
        Assert.Empty(_server.Cdn.Requests);
    }

    [Fact]
    public async Task Check_MissingFiles_AreAllNamedAndTheOthersToo()
    {
        (_, JsonElement json) = await CheckAsync(null, "acme/gguf");

        string message = json.GetProperty("message").GetString()!;
        Assert.All(["model.safetensors", "tokenizer.json", "model.Q4_K_M.gguf (GGUF in parts or of a type that is not read)", "weights.h5 (TensorFlow)"], part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.Equal("failed", Status(json, "tokenizer"));
    }

    [Fact]
    public async Task Check_WithoutTokenizerOnRequest_IsOk()
    {
        (int exit, JsonElement json) = await CheckAsync(null, "acme/no-tokenizer", "--skip-tokenizer-init");

        Assert.Equal(0, exit);
        Assert.Contains("not needed", Detail(json, "tokenizer"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_GatedModelWithAccess_AsksTheGate()
    {
        (int exit, JsonElement json) = await CheckAsync(Good, "acme/accepted");

        Assert.Equal(0, exit);
        Assert.Contains("access is granted", Detail(json, "gate"), StringComparison.Ordinal);
        Assert.Contains(_server.Hub.Requests, request => request.Target.EndsWith("/auth-check", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_HubThatIsDown_FailsAtTheEndpointAndAsksNoFurther()
    {
        await _server.Hub.DisposeAsync();

        (int exit, JsonElement json) = await CheckAsync(Good, Open);

        Assert.Equal(19, exit);
        Assert.Equal("Blocked", json.GetProperty("diagnosis").GetString());
        Assert.Equal(("failed", "not_reached"), (Status(json, "endpoint"), Status(json, "token")));
    }

    [Fact]
    public async Task Check_Offline_NeedsTheCopy()
    {
        Dictionary<string, string> offline = new() { ["HF_HUB_OFFLINE"] = "1" };

        (int without, JsonElement missing) = await CheckAsync(Good, Open, offline);
        await RunAsync(Good, "run", Open, "hi", "--max-tokens", "1");
        _server.Hub.Requests.Clear();
        (int with, _) = await CheckAsync(Good, Open, offline);

        Assert.Equal((19, "OfflineMode"), (without, missing.GetProperty("diagnosis").GetString()));
        Assert.Equal(0, with);
        Assert.Empty(_server.Hub.Requests);
    }

    // Another client may have fetched a few files only, and keeps no listing.
    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("tokenizer.json")]
    [InlineData("config.json")]
    public async Task Offline_PartOfASnapshot_IsNoReasonToCallTheRestMissing(string absent)
    {
        Dictionary<string, string> offline = new() { ["HF_HUB_OFFLINE"] = "1" };
        await RunAsync(Good, "pull", Open);
        string model = Path.Combine(Cache, "models--acme--demo");
        Directory.Delete(Path.Combine(model, "trees"), recursive: true);
        File.Delete(Directory.GetFiles(Path.Combine(model, "snapshots"), absent, SearchOption.AllDirectories).Single());

        (int check, JsonElement json) = await CheckAsync(Good, Open, offline);
        (int pull, _, string error) = await RunAsync(Good, offline, ["pull", Open]);

        Assert.Equal((19, "OfflineMode", 19), (check, json.GetProperty("diagnosis").GetString(), pull));
        Assert.Contains($"'{absent}' of 'acme/demo' is not (completely) in the cache", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("acme/no-shards", 17)]
    [InlineData("acme/broken", 17)]
    [InlineData("acme/mamba", 15)]
    public async Task Pull_ModelThatNoLoadCouldUse_MovesNoWeight(string model, int code)
    {
        (int check, _) = await CheckAsync(null, model);
        (int pull, _, _) = await RunAsync(null, "pull", model);

        Assert.Equal((code, code), (check, pull));
        Assert.Empty(_server.Cdn.Requests);
    }

    [Fact]
    public async Task Check_TextOfTheModelsFile_IsBoundedAndCannotDriveTheTerminal()
    {
        (int exit, string output, string error) = await RunAsync(null, "check", "acme/escape");

        Assert.Equal(15, exit);
        Assert.DoesNotContain('\u001b', output + error);
        Assert.True((output + error).Length < 5000);
    }

    [Fact]
    public async Task Check_Demo_HasLocalStepsOnly()
    {
        (int exit, JsonElement json) = await CheckAsync(Good, "demo");

        Assert.Equal(0, exit);
        Assert.Equal("folder", json.GetProperty("steps")[0].GetProperty("name").GetString());
        Assert.Contains("stored as ", Detail(json, "weights"), StringComparison.Ordinal);
        Assert.Equal("apache-2.0", Detail(json, "licence"));
        Assert.Empty(_server.Hub.Requests);
    }

    [Fact]
    public async Task Check_FolderWithDamagedWeights_Fails()
    {
        foreach (string file in Directory.GetFiles(Demo))
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(_folder, "model.safetensors"), "damaged weights");

        (int exit, JsonElement json) = await CheckAsync(null, ".");

        Assert.Equal(17, exit);
        Assert.Equal("failed", Status(json, "weights"));
    }

    [Fact]
    public async Task OwnersToken_IsTheOneThatIsUsedAndNamed()
    {
        File.WriteAllText(Path.Combine(_folder, "acme-token"), Good);
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), """{ "tokens": { "acme": "file:acme-token" } }""");

        (int exit, JsonElement json) = await CheckAsync(Bad, "acme/secret");
        (_, string output, string error) = await RunAsync(Bad, "run", "acme/secret", "hi", "--max-tokens", "1");

        Assert.Equal(0, exit);
        Assert.Equal("passed", Status(json, "token"));
        Assert.Contains("(tokens.acme)", Detail(json, "token"), StringComparison.Ordinal);
        Assert.Contains("[LLM] Using Hugging Face authentication", output + error, StringComparison.Ordinal);
        Assert.Contains("(tokens.acme)", output + error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pull_DeadTokenOfAPublicModel_WarnsWithSourceAndRemedy()
    {
        (int exit, _, string error) = await RunAsync(Bad, "pull", Open);

        Assert.Equal(0, exit);
        Assert.Contains("the model is public and was read without the token. environment variable HF_TOKEN: the Hub does not accept it", error, StringComparison.Ordinal);
        Assert.DoesNotContain(Bad, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_ContextThatNeverFits_IsOutOfMemoryBeforeTheDownload()
    {
        // The weights of this model are small; its context is not.
        string config = """{ "model_type": "llama", "hidden_size": 256, "num_attention_heads": 64, "head_dim": 1024, "num_hidden_layers": 32, "intermediate_size": 16, "vocab_size": 16, "max_position_embeddings": 16777216 }""";
        await _server.DisposeAsync();
        _server = await LoopbackHubServer.StartAsync([With(Repository.FromFolder(Open, Demo), Open, ("config.json", config))]);

        (int exit, JsonElement json) = await CheckAsync(null, Open);

        Assert.Equal(21, exit);
        Assert.Equal("failed", Status(json, "memory"));
        Assert.Contains("--max-model-len", json.GetProperty("remedy").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_WithoutJson_ShowsATableAndTheRemedy()
    {
        (int exit, string output, string error) = await RunAsync(Good, "check", "acme/asked");

        Assert.Equal(12, exit);
        Assert.Contains("failed       gate", output, StringComparison.Ordinal);
        Assert.Contains("not reached  weights", output, StringComparison.Ordinal);
        Assert.Contains($"{_server.Hub.Address}/acme/asked", error, StringComparison.Ordinal);
        Assert.DoesNotContain(Good, output + error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("acme/fp8")]
    [InlineData("acme/cut")]
    public async Task Check_WeightsThatNoLoadCouldUse_FailsByTheirHeader(string model)
    {
        (int exit, JsonElement json) = await CheckAsync(null, model);

        Assert.NotEqual(0, exit);
        Assert.Equal("failed", Status(json, "weights"));
        Assert.Contains($"{model}/model.safetensors", json.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static string Header(string json) => Encoding.ASCII.GetString(BitConverter.GetBytes((long)json.Length)) + json + "x";

    private static Repository Gated(Repository demo, string name, string refusal) =>
        demo with { Id = "acme/" + name, Gated = true, AnonymousRefusal = "gatedAnonymous", TokenRefusal = refusal };

    private static Repository With(Repository demo, string id, params (string Path, string? Content)[] changes)
    {
        Dictionary<string, RepositoryContent> files = new(demo.Files, StringComparer.Ordinal);
        foreach ((string path, string? content) in changes)
        {
            files.Remove(path);
            if (content is not null)
                files[path] = RepositoryContent.Of(Encoding.UTF8.GetBytes(content), isLfs: false);
        }
        return demo with { Id = id, Files = files };
    }

    private static string Status(JsonElement json, string name) => Step(json, name).GetProperty("status").GetString()!;

    private static string Detail(JsonElement json, string name) => Step(json, name).GetProperty("detail").GetString()!;

    private static JsonElement Step(JsonElement json, string name) =>
        json.GetProperty("steps").EnumerateArray().Single(step => step.GetProperty("name").GetString() == name);

    private Task<(int Exit, JsonElement Json)> CheckAsync(string? token, string model, params string[] more) => CheckAsync(token, model, [], more);

    private async Task<(int Exit, JsonElement Json)> CheckAsync(string? token, string model, Dictionary<string, string> variables, params string[] more)
    {
        (int exit, string output, _) = await RunAsync(token, variables, ["check", model, "--json", .. more]);
        using JsonDocument json = JsonDocument.Parse(output);
        return (exit, json.RootElement.Clone());
    }

    private Task<(int Exit, string Output, string Error)> RunAsync(string? token, params string[] args) => RunAsync(token, [], args);

    private async Task<(int Exit, string Output, string Error)> RunAsync(string? token, Dictionary<string, string> variables, string[] args)
    {
        Dictionary<string, string> all = new(variables) { ["HF_ENDPOINT"] = _server.Hub.Address, ["HF_HOME"] = Path.Combine(_folder, "hf") };
        if (token is not null)
            all["HF_TOKEN"] = token;
        ProcessContext context = TestContexts.Create(_folder, all);
        int exit = await CommandLine.RunAsync(args, context);
        return (exit, context.Out.ToString()!, context.Error.ToString()!);
    }
}
