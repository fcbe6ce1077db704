using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Blocks;

/// <summary>Positions as sines and cosines of their number: sines in the first half of a row, cosines in the second (Vaswani et al. 2017).</summary>
/// <param name="rows">How many positions.</param>
/// <param name="width">Length of a row.</param>
/// <param name="endsAtLowest">Frequencies run down to 1/10,000 itself, as fairseq has it; else to one step before.</param>
internal sealed class SinusoidTable(int rows, int width, bool endsAtLowest) : WeightMatrix
{
    private const double Slowest = 10000;

    /// <summary>A row of zeros, where padding stands; null for none.</summary>
    public int? ZeroRow { get; init; }

    public override int Rows => rows;

    public override int Columns => width;

    public override void ReadRow(int row, Span<float> destination)
    {
        if (row == ZeroRow)
        {
            destination[..width].Clear();
            return;
        }
        int half = endsAtLowest ? width / 2 : (width + 1) / 2;
        for (int i = 0; i < half; i++)
        {
            double angle = endsAtLowest ? row * Frequency(i, half) : row * Math.Pow(Slowest, -2.0 * i / width);
            destination[i] = (float)Math.Sin(angle);
            if (half + i < width)
                destination[half + i] = (float)Math.Cos(angle);
        }
        // fairseq leaves the last number of an odd width empty.
        if (endsAtLowest && width % 2 == 1)
            destination[width - 1] = 0;
    }

    // Frequency and angle are floats in the reference, which counts at far positions.
    private static float Frequency(int pair, int half) => (float)Math.Exp(pair * -(float)(Math.Log(Slowest) / (half - 1)));

    public override void Multiply(Memory<float> input, int tokens, Memory<float> output, Compute compute) =>
        throw new InvalidOperationException("A table of positions is read row by row.");
}
