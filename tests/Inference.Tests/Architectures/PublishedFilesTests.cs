using System.Text.Json.Nodes;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>What published repositories have beside what the arithmetic needs.</summary>
public sealed class PublishedFilesTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("bart", "model.encoder.version", null, null)]
    [InlineData("m2m-100", "model.decoder.embed_positions.weights", null, null)]
    [InlineData("opt", "model.decoder.version", null, null)]
    [InlineData("deepseek-v3", "model.layers.3.eh_proj.weight", "num_nextn_predict_layers", "1")]
    [InlineData("exaone4", null, "sliding_window_pattern", "\"LLLG\"")]
    public void Load_TensorsAndFieldsThatChangeNothing_AreLeft(string golden, string? tensor, string? field, string? value)
    {
        Copy(TestData.Shared("golden", golden), tensor, field, value);

        using GoldenCase model = GoldenCase.Open(_folder.Folder);

        Assert.Equal(golden.StartsWith("bart", StringComparison.Ordinal) || golden.StartsWith("m2m", StringComparison.Ordinal), model.Runner.Model.IsEncoderDecoder);
    }

    private void Copy(string golden, string? tensor, string? field, string? value)
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(golden, "config.json")))!;
        if (field is not null)
            config[field] = JsonNode.Parse(value!);
        _folder.Write("config.json", config.ToJsonString());
        File.Copy(Path.Combine(golden, "expected.json"), _folder["expected.json"]);
        using MappedFile file = new(Path.Combine(golden, "model.safetensors"));
        List<(string, string, long[], byte[])> tensors = [.. SafetensorsFile.Read(file).Select(t => (t.Name, "F32", t.Shape.ToArray(), CheckpointFolder.Bytes(t.ToArray())))];
        if (tensor is not null)
            tensors.Add((tensor, "F32", [1], CheckpointFolder.Bytes([3f])));
        _folder.Write("model.safetensors", CheckpointFolder.Encode([.. tensors]));
    }
}
