using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>SmolLM 3 (<c>SmolLM3ForCausalLM</c>): Llama in which every fourth layer does not turn.</summary>
internal static class SmolLm3
{
    public static DecoderConfiguration Read(ConfigReader config)
    {
        DecoderConfiguration model = Llama.WithBiases(config, DecoderFields.Read(config, defaultKeyValueHeads: 4, tied: true, theta: 2e6f));
        int interval = config.Integer("no_rope_layer_interval", 1, 1 << 16) ?? 4;
        // 1 stands for a layer that turns.
        IReadOnlyList<int> turns = config.Integers("no_rope_layers", 0, 1, model.LayerCount) ?? [.. Enumerable.Range(0, model.LayerCount).Select(i => (i + 1) % interval == 0 ? 0 : 1)];
        DecoderFields.Require(turns.Count == model.LayerCount, config, "no_rope_layers", $"has {turns.Count} entries; num_hidden_layers says {model.LayerCount}");
        return model with
        {
            Rotary = [.. turns.Select((turn, i) => turn == 0 ? null : model.Rotary[i])],
            Windows = DecoderFields.WindowsWhere(config, model.LayerCount, i => turns[i] == 0, uses: config.Boolean("use_sliding_window") ?? false),
        };
    }
}
