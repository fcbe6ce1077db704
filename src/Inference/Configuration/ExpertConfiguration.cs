namespace LlmService.Inference.Configuration;

/// <summary>A mixture of experts: feed-forward blocks of which a router gives each token a few.</summary>
internal sealed record ExpertConfiguration
{
    public required int Count { get; init; }

    /// <summary>How many each token takes.</summary>
    public required int PerToken { get; init; }

    /// <summary>Width of an expert.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Which layers have experts; the others have one block.</summary>
    public required IReadOnlyList<bool> IsSparse { get; init; }

    public RouterKind Router { get; init; } = RouterKind.SoftmaxOfChosen;

    /// <summary>Whether the weights of the chosen are divided by their sum.</summary>
    public bool Normalizes { get; init; }

    /// <summary>What the weights of the chosen are multiplied by.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>In how many groups the experts are, of which only the best are looked at.</summary>
    public int GroupCount { get; init; } = 1;

    public int GroupsPerToken { get; init; } = 1;

    /// <summary>Width of the block that every token takes; 0 for none.</summary>
    public int SharedSize { get; init; }

    /// <summary>Whether that block is weighed by a number of its own for each token.</summary>
    public bool IsSharedGated { get; init; }

    public ExpertLayout Layout { get; init; } = ExpertLayout.Named;

    /// <summary>Whether router and experts have biases.</summary>
    public bool HasBias { get; init; }

    /// <summary>The bound of the gate of gpt-oss, (up + 1) · gate σ(1.702 gate); null for an ordinary one.</summary>
    public float? ClampLimit { get; init; }

    // Names, inside of a layer.

    public string RouterName { get; init; } = "mlp.gate";
    public string Experts { get; init; } = "mlp.experts";
    public string Gate { get; init; } = "gate_proj";
    public string Up { get; init; } = "up_proj";
    public string Down { get; init; } = "down_proj";
    public string Shared { get; init; } = "mlp.shared_expert";
}

/// <summary>How a router chooses and weighs.</summary>
internal enum RouterKind
{
    /// <summary>The best scores; weights are the softmax over the chosen (Mixtral, Granite, gpt-oss).</summary>
    SoftmaxOfChosen,

    /// <summary>Weights are of the softmax over all (Qwen).</summary>
    SoftmaxOfAll,

    /// <summary>Weights are sigmoids; a correction counts in choosing only (DeepSeek-V3).</summary>
    Sigmoid,
}

/// <summary>How the experts of a layer are stored.</summary>
internal enum ExpertLayout
{
    /// <summary>A tensor for each projection of each expert.</summary>
    Named,

    /// <summary>All experts in one tensor, gate and up one below the other, [experts, outputs, inputs] (Granite).</summary>
    Stacked,

    /// <summary>All experts in one tensor, gate and up by turns, [experts, inputs, outputs] (gpt-oss).</summary>
    StackedTransposed,
}
