using System.Threading.Channels;
using LlmService.Inference.Execution;
using LlmService.Inference.Sampling;

namespace LlmService.Inference.Scheduling;

/// <summary>One text in the making, or several that beam search follows at a time. The engine thread owns its state, and lends it to one that advances it; others see <see cref="Outputs"/>, <see cref="Cancel"/> and <see cref="TryStartReading"/>.</summary>
internal sealed class Sequence
{
    // Unbounded, so that a slow reader never blocks the engine; the token limit bounds it.
    private readonly Channel<SequenceOutput> _outputs =
        Channel.CreateUnbounded<SequenceOutput>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly SequenceOptions _options;
    private readonly int _answerStart;
    private readonly List<GeneratedToken> _promptTokens = [];

    // One, until beam search makes more of it. All have the same length, and the same places are computed.
    private Branch[] _branches;
    private int _isRead;
    private bool _isPromptReported;
    private volatile bool _isCancelled;

    public Sequence(SequenceOptions options)
    {
        _options = options;
        int[] first = options.DecoderStartTokenId is int start ? [start, .. options.DecoderPromptIds] : options.PromptIds;
        _answerStart = first.Length;
        _branches = [new Branch(first, options.MaxTokens)];
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

    /// <summary>How many branches there can be, and how much of the past they have in common.</summary>
    public Branching Branching => new(_options.Beams?.Width ?? 1, _answerStart);

    /// <summary>Whether its branches share caches, so that only the engine thread may advance it; any thread may advance another one.</summary>
    public bool SharesCaches => _options.Beams is not null;

    /// <summary>How many branches there are.</summary>
    public int BranchCount => _branches.Length;

    /// <summary>Ids that the decoder has not read yet, in each branch.</summary>
    public int PendingTokens => _branches[0].Count - ComputedTokens;

    /// <summary>Ids that the decoder has read, in each branch.</summary>
    public int ComputedTokens { get; private set; }

    /// <summary>Whether the decoder still reads what was there before the answer.</summary>
    public bool IsPrefilling => ComputedTokens < _answerStart;

    /// <summary>Whether the next decoder input is nothing but the prompt, which no token follows and no log-probability asks for.</summary>
    public bool NeedsNoLogits => _options.MaxTokens == 0 && !ReportsPrompt;

    /// <summary>Whether every position of the prompt needs logits.</summary>
    public bool ReportsPrompt => _options.PromptLogProbabilities && !_isPromptReported && (!_options.DecoderStartTokenId.HasValue || _options.DecoderPromptIds.Length > 0);

    /// <summary>The cache of the first branch while the sequence runs.</summary>
    public SequenceCache? Cache
    {
        get => _branches[0].Cache;
        set => _branches[0].Cache = value;
    }

    /// <summary>Whether it is to end without a result.</summary>
    public bool IsCancelled => _isCancelled || _options.Cancellation.IsCancellationRequested;

    /// <summary>Ends the sequence at the next step. Any thread.</summary>
    public void Cancel() => _isCancelled = true;

    /// <summary>True for the first caller only.</summary>
    public bool TryStartReading() => Interlocked.Exchange(ref _isRead, 1) == 0;

    /// <summary>Adds the next ids of every branch to a step.</summary>
    public void AddRows(int tokenCount, int logitsCount, List<BatchRow> rows)
    {
        foreach (Branch branch in _branches)
            rows.Add(new BatchRow(branch.Slice(ComputedTokens, tokenCount), ComputedTokens, branch.Cache!, logitsCount));
    }

    /// <summary>Gives the caches of all branches back.</summary>
    public void ReleaseCaches()
    {
        foreach (Branch branch in _branches)
            branch.Dispose();
    }

    /// <summary>The encoder has run.</summary>
    public void CompleteEncoder() => NeedsEncoder = false;

    /// <summary>Forgets what the decoder has read: the next step reads all ids again.</summary>
    public void StartOver()
    {
        ComputedTokens = 0;
        foreach (Branch branch in _branches)
            branch.Cache?.Clear();
    }

    /// <summary>The decoder has read <paramref name="count"/> more ids of every branch. Chooses what comes next when they were the last ones.</summary>
    /// <param name="logits">The logits of the last of them, as many rows as were asked for, of one branch after the other.</param>
    /// <returns>What is new; null while the prompt is incomplete, and while beam search goes on.</returns>
    public SequenceOutput? Advance(int count, ReadOnlySpan<float> logits, int vocabularySize)
    {
        if (IsPrefilling && ReportsPrompt)
            AddPromptTokens(count, logits, vocabularySize);
        ComputedTokens += count;
        if (PendingTokens > 0)
            return null;
        if (_options.Beams is { } beams)
            return Advance(beams, logits[^(_branches.Length * vocabularySize)..]);

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
        Branch branch = _branches[0];
        int id = _options.Sampler.Next(logits, new TokenHistory(branch.Ids, _answerStart));
        branch.Append(id);
        return _options.LogProbabilities is int alternatives ? LogProbabilities.Of(id, logits, alternatives) : new GeneratedToken(id, null, []);
    }

    private FinishReason? ReasonAfter(int id)
    {
        if (_options.EndTokenIds.Contains(id))
            return FinishReason.Stop;
        return _branches[0].IsFull ? FinishReason.Length : null;
    }

    private SequenceOutput? Advance(BeamSearch beams, ReadOnlySpan<float> logits)
    {
        List<BeamStep> steps = beams.Step(_branches, _answerStart, logits);
        if (steps.Count > 0)
        {
            Continue(steps);
            return null;
        }

        List<BeamAnswer> answers = beams.Answers(_options.Answers);
        return new SequenceOutput(TakePrompt(), null, answers[0].FinishReason) { Answers = answers };
    }

    /// <summary>Puts the branches in the places of the beams that go on. The first that goes on from a branch takes it over, the others fork it before that one is written to.</summary>
    private void Continue(List<BeamStep> steps)
    {
        HashSet<int> taken = [];
        Branch[] next = [.. steps.Select(step => taken.Add(step.Parent) ? _branches[step.Parent] : _branches[step.Parent].Fork())];
        for (int i = 0; i < _branches.Length; i++)
        {
            if (!taken.Contains(i))
                _branches[i].Dispose();
        }

        _branches = next;
        for (int i = 0; i < next.Length; i++)
            next[i].Append(steps[i].TokenId);
    }

    /// <summary>The logits of a position are those of the token after it: the first token has none, the last row is the answer's.</summary>
    private void AddPromptTokens(int count, ReadOnlySpan<float> logits, int vocabularySize)
    {
        ReadOnlySpan<int> ids = _branches[0].Ids;
        if (ComputedTokens == 0)
            _promptTokens.AddRange(Unrated(_options.DecoderStartTokenId.HasValue ? _options.PromptIds : ids[..1]));
        for (int i = 0; i < count && ComputedTokens + i + 1 < _answerStart; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * vocabularySize, vocabularySize);
            _promptTokens.Add(LogProbabilities.Of(ids[ComputedTokens + i + 1], row, _options.LogProbabilities ?? 0));
        }
    }

    private List<GeneratedToken>? TakePrompt()
    {
        if (_isPromptReported)
            return null;
        _isPromptReported = true;
        if (_promptTokens.Count == 0)
            _promptTokens.AddRange(Unrated([.. _options.PromptIds, .. _options.DecoderPromptIds]));
        return _promptTokens;
    }

    private static List<GeneratedToken> Unrated(ReadOnlySpan<int> ids)
    {
        List<GeneratedToken> tokens = new(ids.Length);
        foreach (int id in ids)
            tokens.Add(new GeneratedToken(id, null, []));
        return tokens;
    }
}
