using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.Gguf;

/// <summary>By what the architectures of GGUF files differ from Llama; much of it is not written in the file, but in llama.cpp.</summary>
internal static class GgufDecoders
{
    private const int LargeGemma2Layers = 46, LargeGemma3Layers = 62, Gemma3Pattern = 6, Gemma2Window = 4096;

    /// <summary>Whether an architecture honours a key that is refused with others.</summary>
    public static bool Honours(string architecture, string key) => (architecture, key) switch
    {
        (GgufConfiguration.Gemma2, "attn_logit_softcapping" or "final_logit_softcapping") => true,
        (GgufConfiguration.Gemma3, "final_logit_softcapping" or "attn_logit_softcapping" or "attention.sliding_window_pattern") => true,
        (GgufConfiguration.Phi3, "rope.scaling.attn_factor") => true,
        _ => false,
    };

    /// <summary>The configuration of an architecture, from what all have in common.</summary>
    public static DecoderConfiguration Complete(DecoderConfiguration model, GgufHeader header, string architecture) => architecture switch
    {
        GgufConfiguration.Qwen3 => model with { HeadNorm = HeadNormKind.Rms },
        GgufConfiguration.Gemma => OfGemma(model),
        GgufConfiguration.Gemma2 => Around(model, header.Metadata, architecture, i => i % 2 == 0, Gemma2Window, LargeGemma2Layers) with
        {
            ScoreCap = Cap(header.Metadata, $"{architecture}.attn_logit_softcapping", 50),
            LogitCap = Cap(header.Metadata, $"{architecture}.final_logit_softcapping", 30),
        },
        GgufConfiguration.Gemma3 => OfGemma3(model, header.Metadata),
        GgufConfiguration.Phi3 => OfPhi3(model, header),
        GgufConfiguration.Gpt2 => OfGpt2(model, header),
        _ => model,
    };

    private static DecoderConfiguration OfGemma(DecoderConfiguration model) => model with
    {
        Norm = NormKind.RmsPlusOne,
        EmbeddingScale = MathF.Sqrt(model.HiddenSize),
        Activation = Activation.GeluTanh,
        Windows = new int[model.LayerCount],
    };

    private static DecoderConfiguration Around(DecoderConfiguration model, GgufMetadata metadata, string name, Func<int, bool> slides, int usualWindow, int largeLayers)
    {
        int window = metadata.Integer($"{name}.attention.sliding_window", 0, int.MaxValue) ?? usualWindow;
        // The largest model of each generation scales scores by the width for each head, the others by the size of the heads.
        float scaled = model.LayerCount == largeLayers ? (float)model.HiddenSize / model.HeadCount : model.HeadSize;
        return OfGemma(model) with
        {
            Shape = LayerShape.NormAround,
            AttentionScale = 1 / MathF.Sqrt(scaled),
            Windows = [.. Enumerable.Range(0, model.LayerCount).Select(i => slides(i) ? window : 0)],
            Names = Architectures.Gemma2.Names,
        };
    }

    private static DecoderConfiguration OfGemma3(DecoderConfiguration model, GgufMetadata metadata)
    {
        const string Name = GgufConfiguration.Gemma3;
        int pattern = metadata.Integer($"{Name}.attention.sliding_window_pattern", 1, 1 << 16) ?? Gemma3Pattern;
        DecoderConfiguration around = Around(model, metadata, Name, i => (i + 1) % pattern != 0, 0, LargeGemma3Layers);
        RotaryConfiguration sliding = new() { Theta = metadata.Number($"{Name}.rope.local.freq_base", 1e-3, 1e12) ?? metadata.Number($"{Name}.rope.freq_base_swa", 1e-3, 1e12) ?? 10000 };
        return around with
        {
            HeadNorm = HeadNormKind.RmsPlusOne,
            LogitCap = Cap(metadata, $"{Name}.final_logit_softcapping", 0),
            ScoreCap = Cap(metadata, $"{Name}.attn_logit_softcapping", 0),
            Rotary = [.. around.Windows.Select((window, i) => window > 0 ? sliding : model.Rotary[i])],
        };
    }

    private static DecoderConfiguration OfPhi3(DecoderConfiguration model, GgufHeader header)
    {
        GgufMetadata metadata = header.Metadata;
        int turning = metadata.Integer("phi3.rope.dimension_count", 2, model.HeadSize) ?? model.HeadSize;
        RotaryConfiguration rotary = model.Rotary[0]! with
        {
            Dimensions = turning == model.HeadSize ? null : turning,
            // The factors are tensors of the file.
            Scaling = header.Tensors.ContainsKey("rope_factors_long.weight")
                ? new LongRopeScaling([], [], metadata.RequiredInteger("phi3.rope.scaling.original_context_length", 1, 1 << 24), metadata.Number("phi3.rope.scaling.attn_factor", 0, 1e6) ?? 1) : null,
        };
        return model with
        {
            Rotary = DecoderFields.Repeat(rotary, model.LayerCount),
            Fused = FusedOrder.Stacked,
            Names = Architectures.Phi3.Names,
        };
    }

    private static DecoderConfiguration OfGpt2(DecoderConfiguration model, GgufHeader header) => model with
    {
        LearnedPositions = model.ContextLength,
        Rotary = DecoderFields.Repeat(null, model.LayerCount),
        Norm = NormKind.Layer,
        Activation = Activation.GeluTanh,
        InputBias = header.Tensors.ContainsKey("blk.0.attn_qkv.bias"),
        OutputBias = true,
        FeedForwardBias = true,
        IsGated = false,
        Fused = FusedOrder.Stacked,
        Names = Gpt2.Names,
        IsTransposed = true,
    };

    private static float Cap(GgufMetadata metadata, string key, float usual) => metadata.Number(key, 0, 1e6) ?? usual;
}
