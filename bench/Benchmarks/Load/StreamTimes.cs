namespace LlmService.Benchmarks.Load;

/// <summary>When the tokens of one streamed answer came, in seconds from the request on.</summary>
internal sealed record StreamTimes(int Stream, double[] Tokens)
{
    public double First => Tokens[0];

    public double Last => Tokens[^1];

    /// <summary>Tokens a second from the first token to the last.</summary>
    public double Rate => (Tokens.Length - 1) / (Last - First);

    /// <summary>The seconds between one token and the next.</summary>
    public IEnumerable<double> Pauses => Tokens.Zip(Tokens.Skip(1), (before, after) => after - before);
}
