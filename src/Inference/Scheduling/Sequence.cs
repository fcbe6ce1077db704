using System.Threading.Channels;
using LlmService.Inference.Execution;
using LlmService.Inference.Sampling;

namespace LlmService.Inference.Scheduling;

/// <summary>One text in the making. The engine thread owns its state; others see <see cref="Outputs"/>, <see cref="Cancel"/> and <see cref="TryStartReading"/>.</summary>
internal sealed class Sequence
{
    // Unbounded, so that a slow reader never blocks the engine; the token limit bounds it.
    private readonly Channel<SequenceOutput> _outputs =
        Channel.CreateUnbounded<SequenceOutput>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly SequenceOptions _options;
    private readonly int[] _ids;
    private readonly int _answerStart;
    private readonly List<GeneratedToken> _promptTokens = [];
    private int _count;
    private int _isRead;
    private bool _isPromptReported;
    private volatile bool _isCancelled;

    public Sequence(SequenceOptions options)
    {
        _options = options;
        int[] first = options.DecoderStartTokenId is int start ? [start] : options.PromptIds;
        _answerStart = first.Length;
        _count = first.Length;
        _ids = new int[first.Length + options.MaxTokens];
        first.CopyTo(_ids, 0);
        NeedsEncoder = options.DecoderStartTokenId.HasValue;
    }

    /// <summary>What the steps give. Ends with the sequence, or with the exception that ended it.</summary>
    public ChannelReader<SequenceOutput> Outputs => _outputs.Reader;

    /// <summary>The encoder's input; null for decoder-only models.</summary>
    public ReadOnlyMemory<int>? EncoderIds => _options.DecoderStartTokenId.HasValue ? (ReadOnlyMemory<int>?)_options.PromptIds : null;

    /// <summary>Whether the encoder has not run yet.</summary>
    public bool NeedsEncoder { get; private set; }

    /// <summary>Positions that the decoder fills at most: the last token is chosen but never read.</summary>
    public int ReservedTokens => _answerStart + Math.Max(0, _options.MaxTokens - 1);

    /// <summary>Ids that the decoder has not read yet.</summary>
    public int PendingTokens => _count - ComputedTokens;

    /// <summary>Ids that the decoder has read.</summary>
    public int ComputedTokens { get; private set; }

    /// <summary>Whether the decoder still reads what was there before the answer.</summary>
    public bool IsPrefilling => ComputedTokens < _answerStart;

    /// <summary>Whether the next decoder input is nothing but the prompt, which no token follows and no log-probability asks for.</summary>
    public bool NeedsNoLogits => _options.MaxTokens == 0 && !ReportsPrompt;

    /// <summary>Whether every position of the prompt needs logits.</summary>
    public bool ReportsPrompt => _options.PromptLogProbabilities && !_options.DecoderStartTokenId.HasValue && !_isPromptReported;

    /// <summary>The sequence's cache while it runs.</summary>
    public SequenceCache? Cache { get; set; }

    /// <summary>Whether it is to end without a result.</summary>
    public bool IsCancelled => _isCancelled || _options.Cancellation.IsCancellationRequested;

    /// <summary>Ends the sequence at the next step. Any thread.</summary>
    public void Cancel() => _isCancelled = true;

    /// <summary>True for the first caller only.</summary>
    public bool TryStartReading() => Interlocked.Exchange(ref _isRead, 1) == 0;

    /// <summary>The next ids for the decoder.</summary>
    public ReadOnlyMemory<int> Pending(int count) => _ids.AsMemory(ComputedTokens, count);

    /// <summary>The encoder has run.</summary>
    public void CompleteEncoder() => NeedsEncoder = false;

    /// <summary>Forgets what the decoder has read: the next step reads all ids again.</summary>
    public void StartOver()
    {
        ComputedTokens = 0;
        Cache?.Clear();
    }

    /// <summary>The decoder has read <paramref name="count"/> more ids. Chooses the next token when they were the last ones.</summary>
    /// <param name="logits">The logits of the last of them, as many rows as were asked for.</param>
    /// <returns>What is new; null while the prompt is incomplete.</returns>
    public SequenceOutput? Advance(int count, ReadOnlySpan<float> logits, int vocabularySize)
    {
        if (IsPrefilling && ReportsPrompt)
            AddPromptTokens(count, logits, vocabularySize);
        ComputedTokens += count;
        if (PendingTokens > 0)
            return null;

        IReadOnlyList<GeneratedToken>? prompt = TakePrompt();
        if (_options.MaxTokens == 0)
            return new SequenceOutput(prompt, null, FinishReason.Length);

        GeneratedToken token = Choose(logits[^vocabularySize..]);
        return new SequenceOutput(prompt, token, ReasonAfter(token.Id));
    }

    /// <summary>Hands an output to the reader. The last one ends the sequence.</summary>
    public void Publish(SequenceOutput output)
    {
        _outputs.Writer.TryWrite(output);
        if (output.FinishReason.HasValue)
            _outputs.Writer.TryComplete();
    }

    /// <summary>Ends the sequence; the reader gets the exception.</summary>
    public void Fail(Exception exception) => _outputs.Writer.TryComplete(exception);

    /// <summary>Ends a cancelled sequence.</summary>
    public void FailCancelled() => Fail(new OperationCanceledException(_options.Cancellation));

    private GeneratedToken Choose(ReadOnlySpan<float> logits)
    {
        int id = _options.Sampler.Next(logits, new TokenHistory(_ids.AsSpan(0, _count), _answerStart));
        _ids[_count++] = id;
        return _options.LogProbabilities is int alternatives ? LogProbabilities.Of(id, logits, alternatives) : new GeneratedToken(id, null, []);
    }

    private FinishReason? ReasonAfter(int id)
    {
        if (_options.EndTokenIds.Contains(id))
            return FinishReason.Stop;
        return _count == _ids.Length ? FinishReason.Length : null;
    }

    /// <summary>The logits of a position are those of the token after it: the first token has none, the last row is the answer's.</summary>
    private void AddPromptTokens(int count, ReadOnlySpan<float> logits, int vocabularySize)
    {
        if (ComputedTokens == 0)
            _promptTokens.Add(new GeneratedToken(_ids[0], null, []));
        for (int i = 0; i < count && ComputedTokens + i + 1 < _answerStart; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * vocabularySize, vocabularySize);
            _promptTokens.Add(LogProbabilities.Of(_ids[ComputedTokens + i + 1], row, _options.LogProbabilities ?? 0));
        }
    }

    private List<GeneratedToken>? TakePrompt()
    {
        if (_isPromptReported)
            return null;
        _isPromptReported = true;
        if (_promptTokens.Count == 0)
            _promptTokens.AddRange(_options.PromptIds.Select(id => new GeneratedToken(id, null, [])));
        return _promptTokens;
    }
}
