using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>Nemotron, Minitron (<c>NemotronForCausalLM</c>): layer norms whose weights are stored less 1, squared ReLU without a gate, half of each head turns.</summary>
internal static class Nemotron
{
    public static DecoderConfiguration Read(ConfigReader config) => Llama.WithBiases(config, DecoderFields.Read(config, epsilon: ("norm_eps", 1e-5f), activation: "relu2", rotaryPart: 0.5f)) with
    {
        Norm = NormKind.LayerPlusOne,
        IsGated = false,
    };
}
