namespace LlmService.Inference.Weights;

/// <summary>The formats that weights are published in.</summary>
public enum WeightFormat
{
    /// <summary><c>model.safetensors</c>, single or in shards.</summary>
    Safetensors,

    /// <summary><c>pytorch_model.bin</c>, single or in shards.</summary>
    PyTorch,

    /// <summary>The graphs of a converted repository, under <c>onnx/</c>.</summary>
    Onnx,

    /// <summary>One <c>.gguf</c> file, which has configuration and tokenizer inside.</summary>
    Gguf,
}

/// <summary>One set of weights among those that a repository has.</summary>
public sealed record WeightChoice
{
    /// <summary>The format of the files.</summary>
    public required WeightFormat Format { get; init; }

    /// <summary>The variant as users name it: <c>model</c>, <c>fp16</c>, <c>q8</c>, <c>q4_0</c>.</summary>
    public required string Variant { get; init; }

    /// <summary>The files, relative to the model's folder; empty when only the index tells them.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>The index of a sharded checkpoint; null when there is none.</summary>
    public string? Index { get; init; }

    /// <summary>Whether configuration and tokenizer are taken from the file alone, whatever lies beside it.</summary>
    public bool IsSelfContained { get; init; }

    /// <summary>Whether the weights are stored in 8 bits.</summary>
    public bool HasEightBits => Variant is "q8" or "int8" or "uint8" or "q8_0";

    /// <summary>What a user reads: the format, and the variant where a format has several.</summary>
    public string Name => Format switch
    {
        WeightFormat.Safetensors => "safetensors",
        WeightFormat.PyTorch => "PyTorch",
        WeightFormat.Onnx => $"ONNX {Variant}",
        WeightFormat.Gguf => Variant == "gguf" ? "GGUF" : $"GGUF {Variant}",
        _ => throw new InvalidOperationException($"unknown format {Format}"),
    };

    /// <summary>The files, read from the index where there is one.</summary>
    /// <param name="folder">Where the index lies.</param>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public IReadOnlyList<string> FilesIn(string folder) =>
        Index is null ? Files : WeightFiles.ReadIndex(Path.Combine(folder, Index), Format == WeightFormat.PyTorch ? ".bin" : ".safetensors");
}
