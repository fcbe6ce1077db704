using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Gemma (<c>GemmaForCausalLM</c>): Llama with scaled embeddings, norms whose weights are stored less 1, and the tanh-GELU.</summary>
internal static class Gemma
{
    // The reference goes by hidden_act, which the first files have, and hidden_activation beside it.
    public static DecoderConfiguration Read(ConfigReader config) =>
        Scaled(config, DecoderFields.Read(config, defaultKeyValueHeads: 16, tied: true, headSize: 256), config.Has("hidden_act") ? "hidden_act" : "hidden_activation");

    /// <summary>What all Gemmas share.</summary>
    public static DecoderConfiguration Scaled(ConfigReader config, DecoderConfiguration model, string activation)
    {
        config.Require("use_bidirectional_attention", "false");
        return Llama.WithBiases(config, model) with
        {
            Norm = NormKind.RmsPlusOne,
            EmbeddingScale = MathF.Sqrt(model.HiddenSize),
            Activation = Activations.Parse(config, activation, config.Text(activation) ?? "gelu_pytorch_tanh"),
            FeedForwardBias = false,
        };
    }
}
