namespace LlmService.Tokenizers;

/// <summary>Odd multipliers that differ from process to process: a file cannot be written so that its entries collide. Results do not depend on them.</summary>
internal static class HashSeed
{
    public static readonly ulong Multiplier = ((ulong)(uint)"first".GetHashCode(StringComparison.Ordinal) << 32 | (uint)"second".GetHashCode(StringComparison.Ordinal)) | 1;
}
