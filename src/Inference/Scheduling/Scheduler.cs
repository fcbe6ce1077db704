using LlmService.Inference.Execution;

namespace LlmService.Inference.Scheduling;

/// <summary>A part of a step: so many ids of every branch of a sequence, with logits for so many of the last of them.</summary>
internal readonly record struct ScheduledRow(Sequence Sequence, int TokenCount, int LogitsCount)
{
    /// <summary>Tokens that need logits, of all branches.</summary>
    public int LogitsTokens => LogitsCount * Sequence.BranchCount;
}

/// <summary>Decides which sequences run and what each step computes. Used by the engine thread; it sees lengths and caches, never a tensor.</summary>
/// <param name="cache">Where running sequences reserve all that they can ever need, so that none can run out.</param>
/// <param name="maxRunning">How many sequences run together.</param>
/// <param name="prefillTokens">Prompt tokens in one step, over all sequences.</param>
/// <param name="promptLogits">Prompt positions with logits in one step, over all sequences.</param>
/// <param name="rotation">Where rotary positions depend on the length of the sequence: prompts are then not cut. Null for nowhere.</param>
internal sealed class Scheduler(KvCache cache, int maxRunning, int prefillTokens, int promptLogits, RotationLimit? rotation = null)
{
    // Shorter pieces of prompts cost more than they let others gain.
    private const int ShortestPiece = 16;

    private readonly LinkedList<Sequence> _waiting = new();
    private readonly List<Sequence> _running = [];

    /// <summary>How many sequences run.</summary>
    public int RunningCount => _running.Count;

    /// <summary>Whether there is anything to do.</summary>
    public bool HasWork => _running.Count + _waiting.Count > 0;

    /// <summary>Puts a sequence at the end of the queue.</summary>
    public void Add(Sequence sequence) => _waiting.AddLast(sequence);

    /// <summary>Takes a sequence out, wherever it is, and gives its cache back.</summary>
    public void Remove(Sequence sequence)
    {
        sequence.ReleaseCaches();
        if (!_running.Remove(sequence))
            _waiting.Remove(sequence);
    }

    /// <summary>The sequences that are to end without a result.</summary>
    public List<Sequence> FindCancelled() => [.. _running.Where(s => s.IsCancelled), .. _waiting.Where(s => s.IsCancelled)];

    /// <summary>All sequences.</summary>
    public List<Sequence> FindAll() => [.. _running, .. _waiting];

    /// <summary>Lets waiting sequences run, first come, first served, while there are places and room in the cache.</summary>
    /// <returns>A sequence that does not even fit alone; null otherwise.</returns>
    public Sequence? Admit()
    {
        while (_waiting.First is { } first && HasPlaces(first.Value))
        {
            if (!TryReserve(first.Value))
                return _running.Count == 0 ? first.Value : null;
            _running.Add(first.Value);
            _waiting.RemoveFirst();
        }

        return null;
    }

    /// <summary>Lists the sequences whose encoder runs in this step: one, and more while they are short.</summary>
    public void PlanEncoder(List<Sequence> plan)
    {
        int tokens = 0;
        foreach (Sequence sequence in _running)
        {
            if (!sequence.NeedsEncoder)
                continue;
            tokens += sequence.EncoderIds!.Value.Length;
            if (plan.Count > 0 && tokens > prefillTokens)
                break;
            plan.Add(sequence);
        }
    }

    /// <summary>Whether a text is being written, which others' prompts delay.</summary>
    public bool IsDecoding => _running.Any(sequence => sequence is { NeedsEncoder: false, IsPrefilling: false });

    /// <summary>Lists what the decoder computes in this step: the next token of every running sequence, and parts of prompts.</summary>
    /// <param name="plan">Receives the rows.</param>
    /// <param name="promptTokens">Prompt tokens over all sequences; null for as many as a step may hold.</param>
    public void PlanDecoder(List<ScheduledRow> plan, int? promptTokens = null)
    {
        int tokensLeft = promptTokens ?? prefillTokens;
        int logitsLeft = promptLogits;
        int prompts = _running.Count(sequence => sequence is { NeedsEncoder: false, IsPrefilling: true });
        foreach (Sequence sequence in _running)
        {
            if (sequence.NeedsEncoder)
                continue;
            if (rotation?.StartsOver(sequence.ComputedTokens, sequence.ComputedTokens + sequence.PendingTokens) == true)
                sequence.StartOver();
            if (!sequence.IsPrefilling)
            {
                plan.Add(new ScheduledRow(sequence, sequence.PendingTokens, 1));
                continue;
            }

            int count = CountOf(sequence, tokensLeft, Math.Max(ShortestPiece, tokensLeft / Math.Max(1, prompts--)), logitsLeft);
            if (count == 0)
                continue;

            int logits = LogitsFor(sequence, count);
            plan.Add(new ScheduledRow(sequence, count, logits));
            tokensLeft -= count;
            logitsLeft -= sequence.ReportsPrompt ? logits : 0;
        }
    }

    /// <summary>How many ids of a prompt are read in this step.</summary>
    /// <remarks>Prompts share a step, so that a short one need not wait for the end of a long one.</remarks>
    private int CountOf(Sequence sequence, int tokensLeft, int share, int logitsLeft)
    {
        if (rotation is not null)
            return tokensLeft > 0 ? sequence.PendingTokens : 0;
        int count = Math.Min(sequence.PendingTokens, Math.Min(share, tokensLeft));
        return sequence.ReportsPrompt ? Math.Min(count, logitsLeft) : count;
    }

    private static int LogitsFor(Sequence sequence, int count)
    {
        if (sequence.ReportsPrompt)
            return count;
        return count == sequence.PendingTokens && !sequence.NeedsNoLogits ? 1 : 0;
    }

    /// <summary>Each beam takes the place of a sequence; more beams than places run alone.</summary>
    private bool HasPlaces(Sequence next) => _running.Count == 0 || _running.Sum(sequence => sequence.Branching.Count) + next.Branching.Count <= maxRunning;

    private bool TryReserve(Sequence sequence)
    {
        SequenceCache opened = cache.Open();

        // Where all is computed again as a sequence grows, every branch has its own past from then on.
        Branching branching = rotation?.TurnsAnew == true ? sequence.Branching with { CommonTokens = 0 } : sequence.Branching;
        bool fits = opened.TryReserve(sequence.ReservedTokens, branching)
            && (sequence.EncoderIds is not { } prompt || opened.TryReserveCross(prompt.Length));
        if (fits)
            sequence.Cache = opened;
        else
            opened.Dispose();
        return fits;
    }
}
