using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights;

/// <summary>Joins weights that are stored as FP8 with the scales that stand beside them as tensors of their own: weight = stored × scale.</summary>
internal static class Float8Scales
{
    // Scales of activations and of a quantised cache: the arithmetic here keeps both in full precision, and needs none.
    private static readonly string[] Unneeded = [".input_scale", ".input_scale_ub", ".activation_scale", ".k_scale", ".v_scale"];

    /// <summary>Gives every FP8 matrix its scales, and takes the scales from the list of tensors.</summary>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="configuration">How large the blocks are.</param>
    /// <exception cref="InferenceException">CorruptModel: scales that do not fit.</exception>
    public static void Join(Dictionary<string, StoredTensor> tensors, Float8Configuration configuration)
    {
        foreach (StoredTensor tensor in tensors.Values.Where(tensor => tensor.Type == TensorType.F8E4M3).ToArray())
        {
            StoredTensor? scales = tensors.GetValueOrDefault(tensor.Name + "_scale_inv") ?? tensors.GetValueOrDefault(tensor.Name + "_scale");
            // Without scales it is refused when it is asked for.
            if (scales is null)
                continue;
            tensors[tensor.Name] = tensor with { Scaling = ScalingOf(tensor, scales, configuration) };
            tensors.Remove(scales.Name);
        }
        foreach (string name in tensors.Keys.Where(name => Array.Exists(Unneeded, name.EndsWith)).ToArray())
            tensors.Remove(name);
    }

    private static Scaling ScalingOf(StoredTensor tensor, StoredTensor scales, Float8Configuration configuration)
    {
        if (tensor.Shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue] || !IsFloat(scales.Type))
            throw Corrupt(tensor, scales);
        int rows = (int)tensor.Shape[0], columns = (int)tensor.Shape[1];
        (int perRows, int perColumns) = scales.Shape switch
        {
            [var down, var across] when configuration is { BlockRows: { } r, BlockColumns: { } c } && (down, across) == ((rows - 1) / r + 1, (columns - 1) / c + 1) => (r, c),
            [] or [1] or [1, 1] => (rows, columns),
            [var down] when down == rows => (1, columns),
            [var down, 1] when down == rows => (1, columns),
            _ => throw Corrupt(tensor, scales),
        };
        float[] values = scales.ToArray();
        return values.All(float.IsFinite) ? new(values, null, perRows, perColumns) : throw Corrupt(tensor, scales);
    }

    private static bool IsFloat(TensorType type) => type is TensorType.F64 or TensorType.F32 or TensorType.F16 or TensorType.Bf16;

    private static InferenceException Corrupt(StoredTensor tensor, StoredTensor scales) => new(InferenceFailure.CorruptModel,
        $"'{scales.File.Path}': the scales '{scales.Name}', {TensorFormat.NameOf(scales.Type)} {scales.ShapeText}, do not fit the matrix '{tensor.Name}' of {tensor.ShapeText}; finite numbers for the whole, for each row or for each block were expected.")
    { File = scales.File.Path, Tensor = scales.Name };
}
