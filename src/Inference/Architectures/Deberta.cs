using LlmService.Inference.Configuration;

namespace LlmService.Inference.Architectures;

/// <summary>DeBERTa v2 and v3 (<c>DebertaV2Model</c>): attention that tells what is said from where it stands, with distances in logarithmic buckets.</summary>
internal static class Deberta
{
    public static EncoderConfiguration Read(ConfigReader config)
    {
        // Absent means plain attention, as false does.
        if (config.Boolean("relative_attention") != true)
            throw config.Unsupported("relative_attention", "false", "true");
        config.Require("conv_kernel_size", "0");
        EncoderConfiguration model = EncoderFields.Read(config, new()
        {
            Prefix = "deberta.",
            Query = "attention.self.query_proj",
            Key = "attention.self.key_proj",
            Value = "attention.self.value_proj",
            OtherHeads = ["lm_predictions.", "mask_predictions.", "cls.", "qa_outputs."],
        }, epsilon: 1e-7f);
        if (config.Integer("embedding_size", 1, 1 << 17) is { } width && width != model.HiddenSize)
            throw config.Unsupported("embedding_size", $"{width}", $"{model.HiddenSize}, the width of the layers");
        return model with
        {
            PositionRows = config.Boolean("position_biased_input") ?? true ? model.PositionRows : null,
            TypeCount = config.Integer("type_vocab_size", 0, 1 << 16) ?? 0,
            Disentangled = Positions(config, model.ContextLength),
            Classifier = EncoderFields.Classifier(config, "pooler.dense", Activations.Parse(config, "pooler_hidden_act", config.Text("pooler_hidden_act") ?? "gelu"), "classifier"),
        };
    }

    private static DisentangledConfiguration Positions(ConfigReader config, int context)
    {
        int buckets = config.SignedInteger("position_buckets", 1 << 16) is int given and > 0 ? given : 0;
        int distance = config.SignedInteger("max_relative_positions", 1 << 16) is int told and > 0 ? told : Math.Min(context, 1 << 16);
        // A list, or a text with bars between.
        IReadOnlyList<string> kinds = config.Find("pos_att_type")?.ValueKind == System.Text.Json.JsonValueKind.String ? config.Text("pos_att_type")!.Split('|') : config.Texts("pos_att_type") ?? [];
        if (kinds.FirstOrDefault(kind => kind is not ("c2p" or "p2c")) is { } unknown)
            throw config.Unsupported("pos_att_type", unknown, "c2p, p2c");
        string norm = config.Text("norm_rel_ebd") ?? "none";
        if (norm is not ("none" or "layer_norm"))
            throw config.Unsupported("norm_rel_ebd", norm, "none, layer_norm");
        return new(buckets > 0 ? buckets : distance, buckets, distance, kinds.Contains("c2p"), kinds.Contains("p2c"), norm == "layer_norm", config.Boolean("share_att_key") ?? false ? DistanceRows.Shared : DistanceRows.Projected);
    }
}
