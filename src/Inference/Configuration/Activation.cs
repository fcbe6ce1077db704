namespace LlmService.Inference.Configuration;

/// <summary>The activation of a feed-forward block.</summary>
internal enum Activation
{
    Relu,
    Silu,

    /// <summary>x Φ(x), with the error function.</summary>
    Gelu,

    /// <summary>The tanh approximation: <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>.</summary>
    GeluTanh,
}

/// <summary>The names of activations in config.json.</summary>
internal static class Activations
{
    public static Activation Parse(ConfigReader config, string field, string name) => name switch
    {
        "relu" => Activation.Relu,
        "silu" or "swish" => Activation.Silu,
        "gelu" => Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => Activation.GeluTanh,
        _ => throw config.Unsupported(field, name, "relu, silu, swish, gelu, gelu_new, gelu_pytorch_tanh"),
    };
}
