namespace LlmService.Benchmarks.Comparison;

/// <summary>A piece of work that all engines do.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Streams">Sequences at the same time.</param>
/// <param name="Prompt">Tokens of each prompt; for an encoder-decoder those of the source.</param>
/// <param name="Tokens">Tokens that each sequence generates.</param>
internal sealed record Work(string Name, int Streams, int Prompt, int Tokens)
{
    /// <summary>Whether the prompt is measured: the work ends with the first token.</summary>
    public bool IsPrompt => Tokens == 1;
}

/// <summary>A shape and what is compared on it.</summary>
/// <param name="Model">The name of the shape.</param>
/// <param name="Formats">The formats that our engine runs it in.</param>
/// <param name="Works">The pieces of work.</param>
internal sealed record ComparedShape(string Model, string[] Formats, Work[] Works)
{
    // A decode of N tokens after the first: the first one belongs to the prompt.
    private static Work[] EncoderDecoder =>
    [
        new("decode, 1 stream", 1, 64, 129), new("decode, 8 streams", 8, 64, 129), new("decode, 16 streams", 16, 64, 129), new("encoder, 512 tokens", 1, 512, 1),
    ];

    private static Work[] Decoder =>
    [
        new("prefill, 512 tokens", 1, 512, 1), new("decode, 1 stream", 1, 1, 129), new("decode, 4 streams", 4, 16, 49), new("decode, 8 streams", 8, 16, 49),
        new("decode, 16 streams", 16, 16, 49), new("decode at context 128", 1, 128, 65), new("decode at context 4096", 1, 4096, 65),
    ];

    public static ComparedShape[] All =>
    [
        new("flan-t5-small", ["q8", "q4"], EncoderDecoder), new("lamini-flan-t5-248m", ["q8", "q4"], EncoderDecoder), new("qwen2.5-0.5b", ["q4"], Decoder),
    ];
}
