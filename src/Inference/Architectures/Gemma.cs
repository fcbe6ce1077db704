using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Gemma (<c>GemmaForCausalLM</c>): Llama with scaled embeddings, norms whose weights are stored less 1, and the tanh-GELU.</summary>
internal static class Gemma
{
    public static DecoderConfiguration Read(ConfigReader config) => Scaled(config, DecoderFields.Read(config, defaultKeyValueHeads: 16, tied: true, headSize: 256));

    /// <summary>What all Gemmas share.</summary>
    public static DecoderConfiguration Scaled(ConfigReader config, DecoderConfiguration model)
    {
        config.Require("use_bidirectional_attention", "false");
        // hidden_act of older files is not what the models were trained with; the reference ignores it.
        string activation = config.Text("hidden_activation") ?? "gelu_pytorch_tanh";
        return Llama.WithBiases(config, model) with
        {
            Norm = NormKind.RmsPlusOne,
            EmbeddingScale = MathF.Sqrt(model.HiddenSize),
            Activation = Activations.Parse(config, "hidden_activation", activation),
            FeedForwardBias = false,
        };
    }
}
