using System.Text.Json;

namespace LlmService.Inference.Configuration;

/// <summary>
/// What <c>quantization_config</c> says of weights that are stored as FP8 with scales: the kinds <c>fp8</c> (DeepSeek, Qwen; scales per block or per tensor),
/// <c>fbgemm_fp8</c> and <c>compressed-tensors</c> (per tensor, channel or block). Every other kind changes what the stored numbers mean, and is refused.
/// </summary>
/// <param name="BlockRows">Rows of a block that shares a scale; null where scales are per tensor or per row.</param>
/// <param name="BlockColumns">Columns of such a block.</param>
internal sealed record Float8Configuration(int? BlockRows, int? BlockColumns)
{
    private const int MaxBlock = 1 << 20;
    private const string Field = "quantization_config";
    private const string Known = "fp8, fbgemm_fp8 and compressed-tensors of 8 bit floats, and unquantised checkpoints (f32, f16, bf16)";

    /// <summary>Reads it; null where the weights are not quantised.</summary>
    /// <exception cref="InferenceException">UnsupportedModelType, CorruptModel.</exception>
    public static Float8Configuration? Read(ConfigReader config)
    {
        if (config.Object(Field) is not { } quantization)
            return null;
        string method = quantization.Text("quant_method") ?? "?";
        return method switch
        {
            "fp8" when quantization.Text("fmt") is null or "e4m3" => Blocks(quantization, "weight_block_size"),
            "fbgemm_fp8" => new(null, null),
            "compressed-tensors" => CompressedTensors(config, quantization),
            "fp8" => throw config.Unsupported(Field, $"fp8 {quantization.Text("fmt")}", Known),
            _ => throw config.Unsupported(Field, method, Known),
        };
    }

    // Groups of layers may be quantised in different ways; here all of them must be of one.
    private static Float8Configuration CompressedTensors(ConfigReader config, ConfigReader quantization)
    {
        HashSet<Float8Configuration> kinds = [];
        foreach (ConfigReader group in quantization.Objects("config_groups"))
        {
            ConfigReader? weights = group.Object("weights");
            string kind = $"{weights?.Text("type") ?? "?"} of {weights?.Integer("num_bits", 1, 64)} bits, {weights?.Text("strategy") ?? "?"}";
            kinds.Add(kind switch
            {
                "float of 8 bits, tensor" or "float of 8 bits, channel" => new(null, null),
                "float of 8 bits, block" => Blocks(weights!, "block_structure"),
                _ => throw config.Unsupported(Field, $"compressed-tensors: {kind}", Known),
            });
        }
        string? format = quantization.Text("format");
        return kinds.Count == 1 && (format is null or "float-quantized" or "naive-quantized") ? kinds.Single()
            : throw config.Unsupported(Field, $"compressed-tensors {format} in {kinds.Count} ways", Known);
    }

    private static Float8Configuration Blocks(ConfigReader reader, string field)
    {
        if (reader.Find(field) is not { } value)
            return new(null, null);
        int[] sizes = [.. value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Select(Size) : []];
        return sizes is [> 0, > 0] ? new(sizes[0], sizes[1]) : throw reader.Wrong(field, $"two whole numbers from 1 to {MaxBlock}", value);
    }

    private static int Size(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) && size <= MaxBlock ? size : 0;
}
