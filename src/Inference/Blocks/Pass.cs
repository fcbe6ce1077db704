using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>A part of a layer: a map from [tokens, width] to [tokens, width] that sees the other tokens through the pass.</summary>
internal interface IBlock
{
    /// <summary>Computes the output of all tokens of a pass.</summary>
    void Apply(Memory<float> input, Pass pass, Memory<float> output);
}

/// <summary>The tokens that go through a stack of layers together: where they are, and what each sees.</summary>
internal abstract class Pass(Compute compute)
{
    private readonly Scratch _scratch = new();
    private readonly List<int> _positions = [];
    private readonly List<int> _lengths = [];
    private readonly List<int> _starts = [];
    private readonly List<(int First, int Count)> _runs = [];

    public Compute Compute { get; } = compute;

    public KernelPath Path => Compute.Path;

    public int TokenCount => _positions.Count;

    /// <summary>The position of each token in its sequence.</summary>
    public IReadOnlyList<int> Positions => _positions;

    /// <summary>How long each token's sequence is at the end of the pass.</summary>
    public IReadOnlyList<int> Lengths => _lengths;

    /// <summary>The first position of each token's sequence in the pass: what is before it was computed earlier.</summary>
    public IReadOnlyList<int> Starts => _starts;

    /// <summary>Does something for the tokens of the pass, those of one sequence that share a block of keys and values together.</summary>
    /// <param name="numbers">What a token costs, in numbers that are touched.</param>
    /// <param name="work">The first token, and how many.</param>
    public void EachRun(int numbers, Action<int, int> work) =>
        Compute.Each(_runs.Count, (int)((long)numbers * TokenCount / Math.Max(1, _runs.Count)), run => work(_runs[run].First, _runs[run].Count));

    /// <summary>A buffer; valid until its name is asked for again.</summary>
    public Memory<float> Take(string name, int count) => _scratch.Take(name, count);

    /// <summary>Gives the buffers up, which the next pass makes anew; nothing that was taken may be in use.</summary>
    /// <returns>Their bytes.</returns>
    public virtual long ReleaseBuffers() => _scratch.Release() + Compute.ReleaseBuffers();

    /// <summary>The keys and values among which a token attends.</summary>
    public abstract KeyValueView View(CacheSlot slot, int token, AttentionShape shape);

    /// <summary>The positions that a token sees in a layer with a window (0 for all).</summary>
    public abstract (int First, int Last) Sees(int token, int window);

    /// <summary>What a layer keeps of a token's sequence from pass to pass.</summary>
    public abstract Span<float> State(CacheSlot slot, int token, int length);

    /// <summary>How many positions the encoder of a token's sequence had; 0 where there is none.</summary>
    public virtual int CrossLength(int token) => 0;

    /// <summary>The type of a token: which of two texts that are read together it belongs to.</summary>
    public virtual int TypeOf(int token) => 0;

    protected void Clear()
    {
        _positions.Clear();
        _lengths.Clear();
        _starts.Clear();
        _runs.Clear();
    }

    protected void Add(int first, int count)
    {
        for (int position = first; position < first + count;)
        {
            int together = Math.Min(first + count - position, KeyValueView.BlockPositions - position % KeyValueView.BlockPositions);
            _runs.Add((_positions.Count + position - first, together));
            position += together;
        }
        for (int i = 0; i < count; i++)
        {
            _positions.Add(first + i);
            _lengths.Add(first + count);
            _starts.Add(first);
        }
    }
}

/// <summary>Tokens that see their past, out of the caches of their sequences.</summary>
internal sealed class DecoderPass(Compute compute) : Pass(compute)
{
    private readonly BatchLayout _batch = new();

    /// <summary>The ids, caches and wanted logits of the tokens.</summary>
    public BatchLayout Batch => _batch;

    /// <summary>Takes a batch over and readies its caches.</summary>
    public void Fill(ReadOnlySpan<BatchRow> rows, int vocabularySize)
    {
        _batch.Fill(rows, vocabularySize);
        Clear();
        foreach (BatchRow row in rows)
            Add(row.FirstPosition, row.TokenIds.Length);
    }

    public override KeyValueView View(CacheSlot slot, int token, AttentionShape shape) => _batch.Caches[token].View(slot, shape);

    public override (int First, int Last) Sees(int token, int window)
    {
        int position = Positions[token];
        return (window == 0 ? 0 : Math.Max(0, position - window + 1), position);
    }

    public override Span<float> State(CacheSlot slot, int token, int length) => _batch.Caches[token].BlocksOf(slot.Group)[0]!.AsSpan(slot.Offset, length);

    public override int CrossLength(int token) => _batch.Caches[token].CrossTokens;
}

/// <summary>Tokens of whole texts that see each other; nothing outlives the pass.</summary>
/// <param name="compute">Kernels and threads.</param>
/// <param name="isHalf">Whether keys and values are bfloat16.</param>
internal sealed class EncoderPass(Compute compute, bool isHalf) : Pass(compute)
{
    private readonly List<float[]> _blocks = [];
    private readonly List<int> _textOf = [];
    private readonly List<int> _types = [];
    private float[]?[][] _tables = [];

    /// <summary>The tokens see only what is before them, as in a decoder.</summary>
    public bool IsCausal { get; init; }

    /// <summary>Takes texts over, by their lengths in tokens.</summary>
    /// <param name="lengths">Tokens of each.</param>
    /// <param name="widest">Numbers of keys and values of a position in the widest layer.</param>
    /// <param name="types">The type of each token; none for 0 everywhere.</param>
    public void Fill(ReadOnlySpan<int> lengths, int widest, ReadOnlySpan<int> types = default)
    {
        Clear();
        _types.Clear();
        _types.AddRange(types);
        _textOf.Clear();
        ForgetTables();
        _tables = new float[]?[lengths.Length][];
        int used = 0;
        for (int text = 0; text < lengths.Length; text++)
        {
            _tables[text] = new float[]?[(lengths[text] + KeyValueView.BlockPositions - 1) / KeyValueView.BlockPositions];
            for (int block = 0; block < _tables[text].Length; block++)
                _tables[text][block] = Block(used++, KeyValueView.BlockPositions * widest);
            Add(0, lengths[text]);
            _textOf.AddRange(Enumerable.Repeat(text, lengths[text]));
        }
    }

    public override long ReleaseBuffers()
    {
        long bytes = _blocks.Sum(block => (long)block.Length) * sizeof(float);
        _blocks.Clear();
        ForgetTables();
        return bytes + base.ReleaseBuffers();
    }

    public override KeyValueView View(CacheSlot slot, int token, AttentionShape shape) => new(_tables[_textOf[token]], 0, shape.KeyValueHeadCount, shape.HeadSize, isHalf);

    public override (int First, int Last) Sees(int token, int window)
    {
        int position = Positions[token], last = IsCausal ? position : Lengths[token] - 1;
        if (window == 0)
            return (0, last);
        return IsCausal ? (Math.Max(0, position - window + 1), last) : (Math.Max(0, position - window / 2), Math.Min(last, position + window / 2));
    }

    public override int TypeOf(int token) => _types.Count == 0 ? 0 : _types[token];

    public override Span<float> State(CacheSlot slot, int token, int length) => throw new InvalidOperationException("A text that is read at once has no state.");

    // Attention remembers the tables of the last pass; the blocks must not live on in them.
    private void ForgetTables()
    {
        foreach (float[]?[] table in _tables)
            Array.Clear(table);
        _tables = [];
    }

    private float[] Block(int index, int floats)
    {
        if (index == _blocks.Count)
            _blocks.Add(new float[floats]);
        else if (_blocks[index].Length < floats)
            _blocks[index] = new float[floats];
        return _blocks[index];
    }
}
