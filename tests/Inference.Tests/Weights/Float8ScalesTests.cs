using System.Text.Json.Nodes;
using LlmService.Inference.Execution;
using LlmService.Inference.Tests.Architectures;
using LlmService.Inference.Tests.Weights.PyTorch;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

/// <summary>A golden model whose projections are rounded to FP8 gives, bit for bit, the logits of the same rounded numbers stored as floats.</summary>
public sealed class Float8ScalesTests : IDisposable
{
    private const string Golden = "llama-gqa";
    private const string DeepSeek = """{"quant_method":"fp8","fmt":"e4m3","activation_scheme":"dynamic","weight_block_size":[24,16]}""";
    private const string Static = """{"quant_method":"fp8","activation_scheme":"static","ignored_layers":["lm_head"]}""";
    private const string Fbgemm = """{"quant_method":"fbgemm_fp8","activation_scale_ub":1200.0,"modules_to_not_convert":["lm_head"]}""";
    private const string Compressed = """{"quant_method":"compressed-tensors","format":"float-quantized","config_groups":{"group_0":{"targets":["Linear"],"weights":{"num_bits":8,"type":"float","strategy":"channel"}}}}""";
    private const string CompressedBlocks = """{"quant_method":"compressed-tensors","format":"float-quantized","config_groups":{"group_0":{"weights":{"num_bits":8,"type":"float","strategy":"block","block_structure":[24,16]}}}}""";

    // S.EEEE.MMM, bias 7; the last pattern of each sign is no number.
    private static readonly double[] Positive = [.. Enumerable.Range(0, 127).Select(bits => bits < 8 ? bits / 512.0 : (1 + bits % 8 / 8.0) * Math.Pow(2, bits / 8 - 7))];

    private readonly CheckpointFolder _float8 = Begin(), _floats = Begin();

    public void Dispose()
    {
        _float8.Dispose();
        _floats.Dispose();
    }

    [Theory]
    [InlineData(DeepSeek, 24, 16, "weight_scale_inv", new[] { -1L, -1L })]
    [InlineData(CompressedBlocks, 24, 16, "weight_scale", new[] { -1L, -1L })]
    [InlineData(Static, 0, 0, "weight_scale", new long[0])]
    [InlineData(Static, 0, 0, "weight_scale_inv", new[] { 1L })]
    [InlineData(Fbgemm, 1, 0, "weight_scale", new[] { -1L, 1L })]
    [InlineData(Compressed, 1, 0, "weight_scale", new[] { -1L, 1L })]
    [InlineData(Compressed, 1, 0, "weight_scale", new[] { -1L })]
    public void Forward_Float8_GivesTheBitsOfTheNumbersThatItStandsFor(string quantization, int blockRows, int blockColumns, string suffix, long[] scaleShape)
    {
        Write(quantization, blockRows, blockColumns, suffix, scaleShape);

        Assert.Equal(Logits(_floats.Folder, "f32"), Logits(_float8.Folder, "f32"));
    }

    [Fact]
    public void Load_ScalesOfAnotherShape_NamesBoth()
    {
        Write(DeepSeek, 24, 16, "weight_scale_inv", [-1, -1]);
        Configure(DeepSeek.Replace("24", "16", StringComparison.Ordinal));

        InferenceException exception = Assert.Throws<InferenceException>(() => GoldenCase.Open(_float8.Folder));

        Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
        Assert.EndsWith(".weight_scale_inv", exception.Tensor, StringComparison.Ordinal);
        Assert.Contains(exception.Tensor![..^"_scale_inv".Length] + "'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ScalesMissing_NamesTheMatrix()
    {
        Write(DeepSeek, 24, 16, "other", [-1, -1]);

        InferenceException exception = Assert.Throws<InferenceException>(() => GoldenCase.Open(_float8.Folder));

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.EndsWith("_proj.weight", exception.Tensor, StringComparison.Ordinal);
        Assert.Contains("f8_e4m3", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ScaleThatIsNoNumber_IsRefused()
    {
        Write(Static, 0, 0, "weight_scale", [], scale => float.NaN * scale);

        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(() => GoldenCase.Open(_float8.Folder)).Failure);
    }

    private static CheckpointFolder Begin()
    {
        CheckpointFolder folder = CheckpointFolder.CopyOf(Golden);
        File.Delete(folder[WeightFiles.SingleFileName]);
        return folder;
    }

    private void Configure(string quantization)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(_floats["config.json"]))!.AsObject();
        config["quantization_config"] = JsonNode.Parse(quantization);
        _float8.Write("config.json", config.ToJsonString());
    }

    /// <summary>Both folders; -1 in the shape of the scales stands for as many as there are blocks, 0 for a block that spans the matrix.</summary>
    private void Write(string quantization, int blockRows, int blockColumns, string suffix, long[] scaleShape, Func<float, float>? damage = null)
    {
        Configure(quantization);
        List<(string, string, long[], byte[])> stored = [], plain = [];
        foreach (TorchTensor tensor in TorchFile.ReadSafetensors(TestData.Fixture("golden", Golden, WeightFiles.SingleFileName)))
        {
            (string, string, long[], byte[]) same = (tensor.Name, "F32", tensor.Shape, tensor.Data);
            bool isProjection = tensor.Name.EndsWith("_proj.weight", StringComparison.Ordinal);
            if (!isProjection)
            {
                stored.Add(same);
                plain.Add(same);
                continue;
            }
            int rows = (int)tensor.Shape[0], columns = (int)tensor.Shape[1], height = blockRows == 0 ? rows : blockRows, width = blockColumns == 0 ? columns : blockColumns;
            (byte[] bytes, float[] scales, float[] floats) = Round(System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(tensor.Data).ToArray(), columns, height, width);
            long[] blocks = [(rows + height - 1) / height, (columns + width - 1) / width];
            string name = tensor.Name[..^"weight".Length];
            stored.Add((tensor.Name, "F8_E4M3", tensor.Shape, bytes));
            stored.Add((name + suffix, "F32", [.. scaleShape.Select((d, i) => d < 0 ? blocks[i] : d)], CheckpointFolder.Bytes(damage is null ? scales : Array.ConvertAll(scales, s => damage(s)))));
            stored.Add((name + "input_scale", "F32", [], CheckpointFolder.Bytes(3)));
            plain.Add((tensor.Name, "F32", tensor.Shape, CheckpointFolder.Bytes(floats)));
        }
        _float8.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode([.. stored]));
        _floats.Write(WeightFiles.SingleFileName, CheckpointFolder.Encode([.. plain]));
    }

    private static (byte[] Bytes, float[] Scales, float[] Floats) Round(float[] values, int columns, int height, int width)
    {
        int across = (columns + width - 1) / width;
        int Block(int i) => i / columns / height * across + i % columns / width;
        float[] scales = [.. Enumerable.Range(0, values.Length).GroupBy(Block).OrderBy(block => block.Key).Select(block => block.Max(i => Math.Abs(values[i])) / 448)];
        byte[] bytes = [.. values.Select((value, i) => Nearest(value / scales[Block(i)]))];
        return (bytes, scales, [.. bytes.Select((b, i) => (float)(b < 128 ? Positive[b] : -Positive[b - 128]) * scales[Block(i)])]);
    }

    private static byte Nearest(float value)
    {
        int best = Enumerable.Range(0, Positive.Length).MinBy(i => Math.Abs(Positive[i] - Math.Abs(value)));
        return (byte)(value < 0 ? best | 128 : best);
    }

    private static float[] Logits(string folder, string precision)
    {
        using GoldenCase model = GoldenCase.Open(folder);
        Assert.Equal(precision, model.Runner.Model.StoredPrecision);
        GoldenPrompt prompt = model.Prompts.First();
        using SequenceCache cache = model.Begin(prompt);
        return model.AllLogits(cache, prompt.DecoderIds, prompt.DecoderIds.Length);
    }
}
