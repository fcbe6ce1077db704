using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;
using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference;

/// <summary>How a model is loaded and run.</summary>
public sealed record EngineOptions
{
    internal const int DefaultPrefillChunkTokens = 512;

    /// <summary>The threads that do the arithmetic, shared by all models of the process. Not owned by the engine.</summary>
    public required WorkerPool Workers { get; init; }

    /// <summary>The instruction set of the kernels, chosen by the composition root.</summary>
    public KernelPath Kernels { get; init; } = KernelPaths.Best;

    /// <summary>The format that the matrices are held and multiplied in; null lets the size of the model decide.</summary>
    public ComputeFormat? Format { get; init; } = ComputeFormat.F32;

    /// <summary>Which of the folder's weights; null takes the preferred ones.</summary>
    public WeightChoice? Weights { get; init; }

    /// <summary>
    /// Compute 8 bit ONNX weights as ONNX Runtime does, to its last bits: the input of each product is quantised over all tokens of a prompt, so no prompt is cut
    /// and no two sequences are computed together. Slow; <see cref="Format"/> does not count then.
    /// </summary>
    public bool ExactOnnxArithmetic { get; init; }

    /// <summary>Where packed weights are kept, so that the next load need not pack them; null for nowhere.</summary>
    public TileCache? TileCache { get; init; }

    /// <summary>The longest context in tokens; null takes what config.json says.</summary>
    public int? MaxModelLength { get; init; }

    /// <summary>Read no tokenizer: only token-id prompts are taken, tokens are written as <c>token_id:N</c>.</summary>
    public bool SkipTokenizer { get; init; }

    /// <summary>Bytes that the key/value cache may take; null lets the engine choose from the memory that the process may use.</summary>
    public long? KvCacheBytes { get; init; }

    /// <summary>How many sequences are decoded together.</summary>
    public int MaxRunningSequences { get; init; } = 64;

    /// <summary>How many requests may wait; one more is refused.</summary>
    public int MaxWaitingRequests { get; init; } = 256;

    /// <summary>Prompt tokens computed in one step, over all sequences.</summary>
    public int PrefillChunkTokens { get; init; } = DefaultPrefillChunkTokens;

    /// <summary>The most tokens of one sequence that are computed in one step.</summary>
    internal int LongestRow(int context) => ExactOnnxArithmetic ? Math.Max(context, 1) : PrefillChunkTokens;

    /// <summary>The clock for timings.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
