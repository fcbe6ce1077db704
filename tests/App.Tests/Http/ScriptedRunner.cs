using System.Text;
using LlmService.Inference.Execution;

namespace LlmService.App.Http;

/// <summary>A model with made-up logits: it answers a prompt with the bytes that a script says, then the end token.</summary>
/// <param name="script">From a prompt to its answer. Called on the engine's thread.</param>
internal sealed class ScriptedRunner(Func<string, string> script) : ModelRunner
{
    private readonly Dictionary<SequenceCache, List<byte>> _prompts = [];
    private readonly Dictionary<SequenceCache, (int Start, byte[] Bytes)> _answers = [];

    /// <summary>Answers every prompt with the same text.</summary>
    public ScriptedRunner(string answer)
        : this(_ => answer)
    {
    }

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
        foreach (EncoderRow row in rows)
            Read(row.Cache, row.TokenIds.Span);
    }

    public override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
    {
        OnForward?.Invoke(Steps++);
        foreach (BatchRow row in rows)
        {
            if (!IsEncoderDecoder && !_answers.ContainsKey(row.Cache))
                Read(row.Cache, row.TokenIds.Span);
            if (row.LogitsCount > 0 && !_answers.ContainsKey(row.Cache))
                _answers[row.Cache] = (row.FirstPosition + row.TokenIds.Length, Encoding.UTF8.GetBytes(script(Encoding.UTF8.GetString([.. _prompts[row.Cache]]))));
            (int start, byte[] answer) = _answers.GetValueOrDefault(row.Cache);
            for (int i = row.TokenIds.Length - row.LogitsCount; i < row.TokenIds.Length; i++)
            {
                Score(answer, row.FirstPosition + i + 1 - start, logits.Span[..ByteTokenizer.VocabularySize]);
                logits = logits[ByteTokenizer.VocabularySize..];
            }
        }
    }

    public override void Dispose()
    {
    }

    private void Read(SequenceCache cache, ReadOnlySpan<int> ids)
    {
        if (!_prompts.TryGetValue(cache, out List<byte>? prompt))
            _prompts[cache] = prompt = [];
        foreach (int id in ids)
            prompt.Add((byte)id);
    }

    private void Score(byte[] answer, int place, Span<float> logits)
    {
        logits.Clear();
        int next = place < 0 ? 0
            : IsEndless ? answer[place % answer.Length]
            : place < answer.Length ? answer[place]
            : ByteTokenizer.EndTokenId;
        logits[next] = 20;
        logits['a'] += 10;
        logits['b'] += 9;
    }
}
