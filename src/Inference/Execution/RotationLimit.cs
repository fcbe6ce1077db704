using LlmService.Inference.Configuration;

namespace LlmService.Inference.Execution;

/// <summary>Rotary positions that depend on the length of the sequence. Such sequences are prefilled whole.</summary>
/// <param name="Length">Up to this length sequences turn as the shortest do.</param>
/// <param name="TurnsAnew">Whether the whole past turns anew when a sequence grows beyond it; else each key keeps the rotation of its step.</param>
public sealed record RotationLimit(int Length, bool TurnsAnew)
{
    /// <summary>Whether the positions that are computed are to be computed again, because the sequence grows beyond the limit.</summary>
    /// <param name="computed">How many positions are computed.</param>
    /// <param name="length">The length after the next step.</param>
    public bool StartsOver(int computed, int length) => TurnsAnew && computed > 0 && computed <= Length && length > Length;

    /// <summary>The limit of a model's layers; null where rotation does not depend on the length.</summary>
    internal static RotationLimit? Of(IEnumerable<RotaryConfiguration?> layers) =>
        layers.FirstOrDefault(layer => layer?.LengthLimit is not null) is { LengthLimit: { } length } rotary ? new(length, rotary.Scaling!.TurnsAnew) : null;
}
