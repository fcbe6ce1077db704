namespace LlmService.Inference.Sampling;

/// <summary>Random numbers that are a pure function of seed, choice and position, so that neither what runs beside a sequence nor a repeated step changes its text.</summary>
internal static class RandomNumber
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    /// <summary>A number in [0, 1): the three values go one after the other through the mixing function of SplitMix64; the upper 53 bits are the fraction.</summary>
    /// <param name="seed">The request's seed.</param>
    /// <param name="choice">Which of several answers to the same prompt.</param>
    /// <param name="position">Which token of the answer, from 0.</param>
    public static double Uniform(ulong seed, int choice, int position)
    {
        ulong state = Mix(seed + Golden);
        state = Mix(state + (((ulong)(uint)choice + 1) * Golden));
        state = Mix(state + (((ulong)(uint)position + 1) * Golden));
        return (state >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>The output function of SplitMix64 (Steele, Lea, Flood 2014).</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
