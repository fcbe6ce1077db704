using System.Runtime.InteropServices;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Scheduling;

/// <summary>The thread of one model. It alone touches the scheduler, the runner and its cache; the workers choose next tokens for it, each of one sequence. Requests come by a queue.</summary>
internal sealed class EngineLoop
{
    private const long MaxPromptLogitsBytes = 64 << 20;

    // Logits that are in memory together, in whole rows: enough tokens that the head computes while it reads its weights.
    private const long LogitsBytes = 16 << 20;
    private const int FewestLogits = 8;

    private readonly ArrivalQueue<Sequence> _arrivals;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ModelRunner _runner;
    private readonly Scheduler _scheduler;
    private readonly List<Sequence> _encoderPlan = [];
    private readonly PromptBudget _budget;
    private readonly List<ScheduledRow> _decoderPlan = [];
    private readonly List<BatchRow> _decoderRows = [];
    private readonly List<Choice> _choices = [];
    private readonly WorkerPool _workers;
    private readonly int _mostLogits;
    private float[] _logits = [];

    // How many rows of the decoder's plan are done with.
    private int _completed;

    // The sequence whose encoder has begun, and how many parts of it are done.
    private Sequence? _encoding;
    private int _encodedParts;
    private volatile int _running;

    public EngineLoop(ModelRunner runner, EngineOptions options)
    {
        _runner = runner;
        _workers = options.Workers;
        int promptLogits = (int)Math.Max(1, MaxPromptLogitsBytes / sizeof(float) / runner.Model.VocabularySize);
        _mostLogits = (int)Math.Max(FewestLogits, LogitsBytes / sizeof(float) / runner.Model.VocabularySize / FewestLogits * FewestLogits);
        // ONNX's own arithmetic gives other results where a prompt is cut.
        _scheduler = options.ExactOnnxArithmetic
            ? new Scheduler(runner.Cache, options.MaxRunningSequences, int.MaxValue, Array.MaxLength / runner.Model.VocabularySize, runner.Rotation)
            : new Scheduler(runner.Cache, options.MaxRunningSequences, options.PrefillChunkTokens, promptLogits, runner.Rotation);
        _budget = new PromptBudget(options.ExactOnnxArithmetic ? int.MaxValue : options.PrefillChunkTokens, options.TimeProvider);
        _arrivals = new(options.MaxRunningSequences + options.MaxWaitingRequests, _scheduler.Add, Rest, options.TimeProvider);
        new Thread(Run) { IsBackground = true, Name = $"engine {runner.Model.Architecture}" }.Start();
    }

    /// <summary>How many sequences run.</summary>
    public int RunningSequences => _running;

    /// <summary>How many requests wait.</summary>
    public int WaitingRequests => Math.Max(0, _arrivals.Count - _running);

    /// <summary>Puts a sequence into the queue. Any thread. False when it is full.</summary>
    /// <exception cref="ObjectDisposedException">The loop has been stopped.</exception>
    public bool TryEnqueue(Sequence sequence) => _arrivals.TryEnqueue(sequence);

    /// <summary>Ends all sequences. The task completes when the thread has.</summary>
    public Task StopAsync()
    {
        _arrivals.Stop();
        return _ended.Task;
    }

    private void Run()
    {
        try
        {
            while (_arrivals.WaitForWork(_scheduler.HasWork))
                Step();
        }
        finally
        {
            // What arrived just before the queue was closed.
            _arrivals.TakeArrivals();
            foreach (Sequence sequence in _scheduler.FindAll())
                End(sequence, new ObjectDisposedException(nameof(LlmEngine)));
            _ended.SetResult();
        }
    }

    /// <summary>Gives up what only requests need.</summary>
    private long Rest()
    {
        long logits = (long)_logits.Length * sizeof(float);
        _logits = [];
        return logits + _runner.ReleaseBuffers() + _runner.Cache.ReleaseFree();
    }

    private void Step()
    {
        _encoderPlan.Clear();
        _decoderPlan.Clear();
        _completed = 0;
        try
        {
            // 1. Who runs.
            Admit();

            // 2. Compute, choose and hand out.
            Encode();
            Decode();
        }
        catch (Exception exception)
        {
            List<Sequence> involved = [.. _encoderPlan.Union(_decoderPlan.Select(row => row.Sequence)).Except(_decoderPlan.Take(_completed).Select(row => row.Sequence))];
            foreach (Sequence sequence in involved.Count > 0 ? involved : _scheduler.FindAll())
                End(sequence, exception);
        }
    }

    private void Admit()
    {
        foreach (Sequence sequence in _scheduler.FindCancelled())
            End(sequence, null);
        if (_scheduler.Admit() is { } tooLarge)
            End(tooLarge, new InferenceException(InferenceFailure.OutOfMemory, "The key/value cache has no room for this request."));
        _running = _scheduler.RunningCount;
    }

    /// <summary>Runs encoders, layer by layer: where texts are running, so much of it that their pause is not much longer than usual.</summary>
    private void Encode()
    {
        _scheduler.PlanEncoder(_encoderPlan);
        TimeSpan time = _budget.EncoderTime(_scheduler.IsDecoding);
        long started = _budget.Now;
        foreach (Sequence sequence in _encoderPlan)
        {
            if (sequence != _encoding)
                (_encoding, _encodedParts) = (sequence, 0);
            EncoderRow row = new(sequence.EncoderIds!.Value, sequence.Cache!);
            while (!_runner.EncodePart(row, _encodedParts++))
            {
                if (_budget.IsSpent(time, started))
                    return;
            }
            _encoding = null;
            sequence.CompleteEncoder();
            if (_budget.IsSpent(time, started))
                return;
        }
    }

    private void Decode()
    {
        _decoderRows.Clear();
        _scheduler.PlanDecoder(_decoderPlan, _budget.Tokens(_scheduler.IsDecoding));
        if (_decoderPlan.Count == 0)
            return;
        int promptTokens = _decoderPlan.Where(row => row.Sequence.IsPrefilling).Sum(row => row.TokenCount);

        foreach (ScheduledRow row in _decoderPlan)
            row.Sequence.AddRows(row.TokenCount, row.LogitsCount, _decoderRows);

        long started = _budget.Now;
        _runner.Run(CollectionsMarshal.AsSpan(_decoderRows));
        for (int first = 0; _completed < _decoderPlan.Count;)
        {
            (int rows, int count) = NextLogits();
            int vocabulary = _runner.Model.VocabularySize;
            _logits = GrowingBuffer.Grow(_logits, count * vocabulary);
            _runner.WriteLogits(first, count, _logits.AsMemory(0, count * vocabulary));
            first += count;

            // What is chosen and handed out meanwhile is not the model's time.
            long paused = _budget.Now;
            Complete(rows);
            started += _budget.Now - paused;
        }
        _budget.Learn(promptTokens, _decoderPlan.Sum(row => row.TokenCount) - promptTokens, started);
    }

    /// <summary>The next rows of the plan whose logits there is room for, at least one, and how many tokens need logits.</summary>
    private (int Rows, int Count) NextLogits()
    {
        int rows = 0, count = 0;
        foreach (ScheduledRow row in CollectionsMarshal.AsSpan(_decoderPlan)[_completed..])
        {
            if (rows > 0 && count + row.LogitsTokens > _mostLogits)
                break;
            rows++;
            count += row.LogitsTokens;
        }
        return (rows, count);
    }

    private void Complete(int rows)
    {
        int first = _completed, vocabulary = _runner.Model.VocabularySize, start = 0;
        _choices.Clear();
        foreach (ScheduledRow row in CollectionsMarshal.AsSpan(_decoderPlan).Slice(first, rows))
        {
            int length = row.LogitsTokens * vocabulary;
            _choices.Add(new Choice(row, start, length));
            start += length;
        }

        // 1. Choose, all texts at once, as each has its own state. Beams share caches with their like.
        if (rows == 1 || _choices.Exists(choice => choice.Row.Sequence.SharesCaches))
        {
            for (int i = 0; i < rows; i++)
                Choose(i);
        }
        else
        {
            _workers.Run(rows, Choose);
        }

        // 2. Hand out.
        foreach (Choice choice in _choices)
        {
            _completed++;
            HandOut(choice);
        }
        _choices.Clear();
    }

    private void Choose(int index)
    {
        ref Choice choice = ref CollectionsMarshal.AsSpan(_choices)[index];
        try
        {
            choice.Output = choice.Row.Sequence.Advance(choice.Row.TokenCount, _logits.AsSpan(choice.Start, choice.Length), _runner.Model.VocabularySize);
        }
        catch (Exception exception)
        {
            choice.Exception = exception;
        }
    }

    private void HandOut(Choice choice)
    {
        Sequence sequence = choice.Row.Sequence;
        if (choice.Exception is { } exception)
        {
            End(sequence, exception);
            return;
        }
        if (choice.Output is not { } output)
            return;

        // The place is free before the reader can know: its next request finds it so.
        if (output.FinishReason.HasValue)
            Release(sequence);
        sequence.Publish(output);
    }

    /// <summary>Ends a sequence without a result: by an exception, or because it was cancelled.</summary>
    private void End(Sequence sequence, Exception? exception)
    {
        Release(sequence);
        if (exception is null)
            sequence.FailCancelled();
        else
            sequence.Fail(exception);
    }

    private void Release(Sequence sequence)
    {
        _scheduler.Remove(sequence);
        _running = _scheduler.RunningCount;
        _arrivals.Leave();
    }

    /// <summary>A row of the decoder's plan, and what came of it.</summary>
    /// <param name="row">The row.</param>
    /// <param name="start">Where its logits begin.</param>
    /// <param name="length">How many there are.</param>
    private struct Choice(ScheduledRow row, int start, int length)
    {
        public readonly ScheduledRow Row => row;

        public readonly int Start => start;

        public readonly int Length => length;

        public SequenceOutput? Output { get; set; }

        public Exception? Exception { get; set; }
    }
}
