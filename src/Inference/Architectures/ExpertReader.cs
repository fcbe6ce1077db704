using LlmService.Inference.Blocks;
using LlmService.Inference.Configuration;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Architectures;

/// <summary>Builds the experts of a layer, however they are stored.</summary>
/// <param name="experts">How many, how chosen, how named.</param>
/// <param name="configuration">The model.</param>
/// <param name="checkpoint">The stored tensors.</param>
/// <param name="weights">Reads them in the format that is computed in.</param>
internal sealed class ExpertReader(ExpertConfiguration experts, DecoderConfiguration configuration, Checkpoint checkpoint, WeightReader weights)
{
    private int Hidden => configuration.HiddenSize;

    /// <summary>Reads router, experts and what all tokens share.</summary>
    /// <param name="prefix">The layer's.</param>
    public Experts Read(string prefix)
    {
        string correction = $"{prefix}{experts.RouterName}.e_score_correction_bias";
        Router router = new(experts, weights.Exact(prefix + experts.RouterName, experts.Count, Hidden, experts.HasBias),
            experts.Router == RouterKind.Sigmoid ? weights.Vector(correction, experts.Count) : null);
        FeedForward[] blocks = experts.Layout == ExpertLayout.Named ? Named(prefix) : Stacked(prefix);
        FeedForward? shared = experts.SharedSize > 0 ? Block(prefix + experts.Shared + ".", experts.SharedSize) : null;
        return new(router, blocks, shared, experts.IsSharedGated ? weights.Exact($"{prefix}{experts.Shared}_gate", 1, Hidden) : null);
    }

    private FeedForward[] Named(string prefix) => [.. Enumerable.Range(0, experts.Count).Select(expert => Block($"{prefix}{experts.Experts}.{expert}.", experts.IntermediateSize))];

    private FeedForward Block(string prefix, int inner) => new(configuration.Activation,
        weights.Stack(Hidden, bias: false, (prefix + experts.Gate, inner), (prefix + experts.Up, inner)), gated: true, weights.Linear(prefix + experts.Down, Hidden, inner));

    private FeedForward[] Stacked(string prefix)
    {
        int count = experts.Count, inner = experts.IntermediateSize;
        string name = prefix + experts.Experts;
        bool isTransposed = experts.Layout == ExpertLayout.StackedTransposed;
        StoredTensor input = isTransposed ? checkpoint.Get(name + experts.Gate, count, Hidden, 2 * inner) : checkpoint.Get($"{name}{experts.Gate}.weight", count, 2 * inner, Hidden);
        StoredTensor output = isTransposed ? checkpoint.Get(name + experts.Down, count, inner, Hidden) : checkpoint.Get($"{name}{experts.Down}.weight", count, Hidden, inner);
        float[]? inputBias = experts.HasBias ? checkpoint.Get($"{name}{experts.Gate}_bias", count, 2 * inner).ToArray() : null;
        float[]? outputBias = experts.HasBias ? checkpoint.Get($"{name}{experts.Down}_bias", count, Hidden).ToArray() : null;
        // By turns a gate and the line beside it.
        int[]? order = isTransposed ? [.. Enumerable.Range(0, inner).Select(i => 2 * i), .. Enumerable.Range(0, inner).Select(i => 2 * i + 1)] : null;
        return [.. Enumerable.Range(0, count).Select(expert =>
        {
            StoredTensor up = input.Part(expert), down = output.Part(expert);
            float[]? bias = inputBias?[(expert * 2 * inner)..((expert + 1) * 2 * inner)];
            if (isTransposed)
                (up, down, bias) = (up.Transposed().InOrder(order!), down.Transposed(), bias is null ? null : [.. order!.Select(row => bias[row])]);
            return new FeedForward(experts.ClampLimit is not null ? Activation.QuickGelu : configuration.Activation, weights.Projection([up], bias), gated: true,
                weights.Projection([down], outputBias?[(expert * Hidden)..((expert + 1) * Hidden)])) { Limit = experts.ClampLimit };
        })];
    }
}
