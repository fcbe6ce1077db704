namespace LlmService.Inference.Configuration;

/// <summary>The activation of a feed-forward block.</summary>
internal enum Activation
{
    Relu,

    /// <summary>max(x, 0)².</summary>
    ReluSquared,
    Silu,

    /// <summary>x Φ(x), with the error function.</summary>
    Gelu,

    /// <summary>The tanh approximation: <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>, <c>gelu_fast</c>, <c>gelu_accurate</c>.</summary>
    GeluTanh,

    /// <summary>x σ(1.702 x).</summary>
    QuickGelu,
    Tanh,
}

/// <summary>The names of activations in config.json.</summary>
internal static class Activations
{
    public static Activation Parse(ConfigReader config, string field, string name) => name switch
    {
        "relu" => Activation.Relu,
        "relu2" => Activation.ReluSquared,
        "silu" or "swish" => Activation.Silu,
        "gelu" or "gelu_python" => Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" or "gelu_accurate" => Activation.GeluTanh,
        "quick_gelu" => Activation.QuickGelu,
        "tanh" => Activation.Tanh,
        _ => throw config.Unsupported(field, name, "relu, relu2, silu, swish, gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, gelu_accurate, quick_gelu, tanh"),
    };
}
