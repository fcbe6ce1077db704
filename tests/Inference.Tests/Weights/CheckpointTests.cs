using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class CheckpointTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_NoWeights_NamesWhatWasLookedFor()
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Contains(WeightFiles.SingleFileName, exception.Message, StringComparison.Ordinal);
        Assert.NotNull(exception.Remedy);
    }

    [Fact]
    public void Open_PointerOfGitLfs_SaysSo()
    {
        _folder.Write(WeightFiles.SingleFileName, "version https://git-lfs.github.com/spec/v1\noid sha256:f1b39bf1\nsize 1314128\n");

        InferenceException exception = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Contains("git lfs pull", exception.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_MissingTensor_IsRefusedByName()
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(("a", "F32", [1, 2], CheckpointFolder.Bytes(1, 2))));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        InferenceException exception = Assert.Throws<InferenceException>(() => checkpoint.Get("b", 1, 2));

        Assert.Equal((InferenceFailure.CorruptModel, "b"), (exception.Failure, exception.Tensor));
        Assert.Contains("'b'", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.norm.weight", "It is there as 'module.model.norm.weight': 2 of the 2 names begin with 'module.'", "module.model.norm.weight", "module.lm_head.weight")]
    [InlineData("model.norm.weight", "It is there as 'norm.weight': the names lack the prefix 'model.'", "norm.weight", "layers.0.input_layernorm.weight")]
    [InlineData("model.layers.0.mlp.up_proj.weight", "The nearest of the 4 that are there: model.layers.0.mlp.down_proj.weight, model.layers.1.mlp.up_proj.weight, model.layers.0.input_layernorm.weight.",
        "model.norm.weight", "model.layers.0.input_layernorm.weight", "model.layers.1.mlp.up_proj.weight", "model.layers.0.mlp.down_proj.weight")]
    [InlineData("a", "no tensors at all")]
    public void Get_MissingTensor_TellsWhatIsThereInstead(string missing, string expected, params string[] stored)
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode([.. stored.Select(name => (name, "F32", new long[] { 1 }, CheckpointFolder.Bytes(1)))]));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        Assert.Contains(expected, Assert.Throws<InferenceException>(() => checkpoint.Get(missing, 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("I8", "int8")]
    [InlineData("U8", "uint8")]
    [InlineData("F8_E4M3", "f8_e4m3")]
    public void Get_NumbersWithoutTheirScales_AreRefusedByNameAndHarmlessWhereNobodyAsks(string type, string name)
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(("a", type, [2, 2], new byte[4]), ("b", "F32", [1], CheckpointFolder.Bytes(1))));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        checkpoint.Get("b", 1);
        checkpoint.CheckAllUsed(left => left == "a");
        InferenceException exception = Assert.Throws<InferenceException>(() => checkpoint.Get("a", 2, 2));

        Assert.Equal((InferenceFailure.NoUsableWeights, "a"), (exception.Failure, exception.Tensor));
        Assert.Contains($"as {name}", exception.Message, StringComparison.Ordinal);
        Assert.Equal(TensorType.F32, checkpoint.MainType);
    }

    [Fact]
    public void Get_DoublePrecision_RoundsToTheNearestFloat()
    {
        double[] values = [1.0 / 3, -1.0 / 3, 16777217.5, 1e300, 1e-60];
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(("a", "F64", [5], System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(values).ToArray())));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        Assert.Equal([0.333333343f, -0.333333343f, 16777218f, float.PositiveInfinity, 0f], checkpoint.Get("a", 5).ToArray());
    }

    [Fact]
    public void Get_WrongShape_NamesBothShapes()
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(("a", "F32", [1, 2], CheckpointFolder.Bytes(1, 2))));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        InferenceException exception = Assert.Throws<InferenceException>(() => checkpoint.Get("a", 2, 1));

        Assert.Equal((InferenceFailure.CorruptModel, "a"), (exception.Failure, exception.Tensor));
        Assert.Contains("[1, 2]", exception.Message, StringComparison.Ordinal);
        Assert.Contains("[2, 1]", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CheckAllUsed_UnexpectedTensor_IsRefusedByNameUnlessHarmless()
    {
        _folder.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode(("a", "F32", [1], CheckpointFolder.Bytes(1)), ("adapter", "F32", [1], CheckpointFolder.Bytes(2))));
        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);
        checkpoint.Get("a", 1);

        checkpoint.CheckAllUsed(name => name == "adapter");
        InferenceException exception = Assert.Throws<InferenceException>(() => checkpoint.CheckAllUsed(_ => false));

        Assert.Equal((InferenceFailure.CorruptModel, "adapter"), (exception.Failure, exception.Tensor));
        Assert.Equal((1, 4), (checkpoint.ParameterCount, checkpoint.ByteCount));
        Assert.Equal(8, checkpoint.StoredBytes);
    }

    [Fact]
    public void Open_Shards_AreReadTogether()
    {
        _folder.Write("model-1.safetensors", CheckpointFolder.Encode(("a", "F32", [1], CheckpointFolder.Bytes(1))));
        _folder.Write("model-2.safetensors", CheckpointFolder.Encode(("b", "F32", [1], CheckpointFolder.Bytes(2))));
        WriteIndex(("a", "model-1.safetensors"), ("b", "model-2.safetensors"));

        using Checkpoint checkpoint = Checkpoint.Open(_folder.Folder, _folder.Choice);

        Assert.Equal([1f], checkpoint.Get("a", 1).ToArray());
        Assert.Equal([2f], checkpoint.Get("b", 1).ToArray());
    }

    [Fact]
    public void Open_TensorInTwoShards_IsRefused()
    {
        _folder.Write("model-1.safetensors", CheckpointFolder.Encode(("a", "F32", [1], CheckpointFolder.Bytes(1))));
        _folder.Write("model-2.safetensors", CheckpointFolder.Encode(("a", "F32", [1], CheckpointFolder.Bytes(2))));
        WriteIndex(("a", "model-1.safetensors"), ("b", "model-2.safetensors"));

        InferenceException exception = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal((InferenceFailure.CorruptModel, "a"), (exception.Failure, exception.Tensor));
    }

    [Fact]
    public void Open_MissingShard_IsRefusedByName()
    {
        WriteIndex(("a", "model-1.safetensors"));

        InferenceException exception = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal((InferenceFailure.NoUsableWeights, _folder["model-1.safetensors"]), (exception.Failure, exception.File));
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("/etc/x.safetensors")]
    [InlineData("..\\x.safetensors")]
    [InlineData("a/x.safetensors")]
    [InlineData(".x.safetensors")]
    [InlineData("x.bin")]
    [InlineData("")]
    public void Open_IndexThatLeavesTheFolder_IsRefused(string name)
    {
        WriteIndex(("a", name));

        InferenceException exception = Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice));

        Assert.Equal((InferenceFailure.CorruptModel, "a"), (exception.Failure, exception.Tensor));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"weight_map\":[]}")]
    [InlineData("{\"weight_map\":{\"a\":1}}")]
    [InlineData("[]")]
    [InlineData("{")]
    public void Open_DamagedIndex_IsRefused(string content)
    {
        _folder.Write(WeightFiles.IndexFileName, content);

        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(() => Checkpoint.Open(_folder.Folder, _folder.Choice)).Failure);
    }

    [Fact]
    public void Load_SeveralTensorsMissing_NamesThemAtOnce()
    {
        using CheckpointFolder folder = CheckpointFolder.CopyOf("qwen2-tied");
        string config = File.ReadAllText(folder["config.json"]);
        int layers = System.Text.Json.JsonDocument.Parse(config).RootElement.GetProperty("num_hidden_layers").GetInt32();
        folder.Write("config.json", config.Replace($"\"num_hidden_layers\": {layers}", $"\"num_hidden_layers\": {layers + 1}", StringComparison.Ordinal));
        using WorkerPool workers = new(1);

        InferenceException exception = Assert.Throws<InferenceException>(() => ModelLoader.Load(folder.Folder, ModelConfiguration.Load(folder.Folder), new EngineOptions { Workers = workers }));

        Assert.Equal($"model.layers.{layers}.input_layernorm.weight", exception.Tensor);
        Assert.Contains($"and 11 others: model.layers.{layers}.", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NewerT5WithItsOwnHead_UsesTheHeadAndDoesNotScale()
    {
        using CheckpointFolder folder = CheckpointFolder.CopyOf("flan-t5");
        string config = File.ReadAllText(folder["config.json"]);
        Assert.Contains("\"tie_word_embeddings\": false", config, StringComparison.Ordinal);
        using WorkerPool workers = new(1);
        float[] expected = FirstLogits(folder.Folder, workers);

        folder.Write("config.json", config.Replace("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true, \"scale_decoder_outputs\": false", StringComparison.Ordinal));

        Assert.Equal(expected, FirstLogits(folder.Folder, workers));
    }

    private static float[] FirstLogits(string folder, WorkerPool workers)
    {
        using ModelRunner runner = ModelLoader.Load(folder, ModelConfiguration.Load(folder), new EngineOptions { Workers = workers });
        using SequenceCache cache = runner.Cache.Open();
        Assert.True(cache.TryReserve(1) && cache.TryReserveCross(3));
        runner.Encode([new(new[] { 5, 6, 1 }, cache)]);
        float[] logits = new float[runner.Model.VocabularySize];
        runner.Forward([new(new[] { 0 }, 0, cache, 1)], logits);
        return logits;
    }

    private void WriteIndex(params (string Tensor, string File)[] map) =>
        _folder.Write(WeightFiles.IndexFileName, System.Text.Json.JsonSerializer.Serialize(new { weight_map = map.ToDictionary(m => m.Tensor, m => m.File) }));
}
