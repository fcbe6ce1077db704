using System.Text;
using LlmService.Inference.Execution;

namespace LlmService.App.Http;

/// <summary>A model with made-up logits: to every prompt it answers the same bytes, then the end token.</summary>
internal sealed class ScriptedRunner(string answer) : ModelRunner
{
    private readonly byte[] _answer = Encoding.UTF8.GetBytes(answer);
    private readonly Dictionary<SequenceCache, int> _promptLengths = [];

    public override ModelDescription Model => new()
    {
        Architecture = IsEncoderDecoder ? "t5" : "llama",
        VocabularySize = ByteTokenizer.VocabularySize,
        ContextLength = ContextLength,
        PromptLength = ContextLength,
        IsEncoderDecoder = IsEncoderDecoder,
    };

    public bool IsEncoderDecoder { get; init; }

    public int ContextLength { get; init; } = 256;

    /// <summary>After the answer it begins again instead of ending.</summary>
    public bool IsEndless { get; init; }

    /// <summary>Called on the engine's thread before every step, with the number of the step.</summary>
    public Action<int>? OnForward { get; init; }

    public override KvCache Cache => field ??= new KvCache([new(CacheKind.Full, 4), new(IsEncoderDecoder ? CacheKind.Cross : CacheKind.Full, 4)], 1 << 24);

    private int Steps { get; set; }

    public override void Encode(ReadOnlySpan<EncoderRow> rows)
    {
    }

    public override void Forward(ReadOnlySpan<BatchRow> rows, Span<float> logits)
    {
        OnForward?.Invoke(Steps++);
        foreach (BatchRow row in rows)
        {
            if (row.FirstPosition == 0)
                _promptLengths[row.Cache] = row.TokenIds.Length;
            for (int i = row.TokenIds.Length - row.LogitsCount; i < row.TokenIds.Length; i++)
            {
                Score(row.FirstPosition + i + 1 - _promptLengths[row.Cache], logits[..ByteTokenizer.VocabularySize]);
                logits = logits[ByteTokenizer.VocabularySize..];
            }
        }
    }

    public override void Dispose()
    {
    }

    private void Score(int place, Span<float> logits)
    {
        logits.Clear();
        int next = place < 0 ? 0
            : IsEndless ? _answer[place % _answer.Length]
            : place < _answer.Length ? _answer[place]
            : ByteTokenizer.EndTokenId;
        logits[next] = 20;
        logits['a'] += 10;
        logits['b'] += 9;
    }
}
