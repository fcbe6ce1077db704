using LlmService.Inference.Configuration;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Blocks;

/// <summary>
/// Attention of DeBERTa (He et al. 2020): beside content with content, content looks at where the other stands and the other way round. Rows of positions are projected as
/// queries and keys are; each token is scored against all of them once, and every pair of tokens picks the score of its distance. So does BERT with relative positions
/// (Shaw et al. 2018, Huang et al. 2020), where heads take the rows as they are.
/// </summary>
internal sealed class DisentangledAttention : IBlock
{
    private readonly DisentangledConfiguration _configuration;
    private readonly int _heads;
    private readonly int _size;
    private readonly ContentProjections _content;
    private readonly PositionRows _positions;
    private readonly PositionScores _scores;
    private readonly AttentionShape _shape;
    private Memory<float> _positionKeys, _positionQueries;

    /// <summary>Makes the block.</summary>
    /// <param name="configuration">Distances and kinds.</param>
    /// <param name="heads">How many heads.</param>
    /// <param name="size">Width of a head.</param>
    /// <param name="content">Projections of tokens.</param>
    /// <param name="positions">Rows of distances and their projections.</param>
    public DisentangledAttention(DisentangledConfiguration configuration, int heads, int size, ContentProjections content, PositionRows positions)
    {
        (_configuration, _heads, _size, _content, _positions) = (configuration, heads, size, content, positions);
        float scale = 1 / MathF.Sqrt(size * configuration.Terms);
        _scores = new(configuration, scale);
        _shape = new(heads, heads, size, scale, _scores);
    }

    private int Width => _heads * _size;

    public void Apply(Memory<float> input, Pass pass, Memory<float> output)
    {
        int tokens = pass.TokenCount;
        Memory<float> queries = Project(_content.Query, input, "queries", pass), keys = Project(_content.Key, input, "keys", pass), values = Project(_content.Value, input, "values", pass);
        if (_positionKeys.IsEmpty && _configuration.UsesQueries)
            _positionKeys = ByHead(_positions.Key, pass);
        if (_positionQueries.IsEmpty && _configuration.UsesKeys)
            _positionQueries = ByHead(_positions.Query, pass);
        pass.EachRun(2 * Width, (first, count) =>
            pass.View(default, first, _shape).Write(pass.Path, pass.Positions[first], count, keys.Span[(first * Width)..], values.Span[(first * Width)..], Width));
        Memory<float> attended = pass.Take("attended", tokens * Width);
        for (int first = 0; first < tokens;)
        {
            int count = pass.Lengths[first];
            Range text = (first * Width)..((first + count) * Width);
            AttendText(queries[text], keys[text], pass.View(default, first, _shape), count, pass, attended[text]);
            first += count;
        }
        _content.Output.Apply(attended, tokens, output, pass.Compute);
    }

    private void AttendText(Memory<float> queries, Memory<float> keys, KeyValueView view, int count, Pass pass, Memory<float> attended)
    {
        if (_configuration.UsesQueries)
            _scores.ByQuery = Scores("scores of queries", queries, _positionKeys, count, pass);
        if (_configuration.UsesKeys)
            _scores.ByKey = Scores("scores of keys", keys, _positionQueries, count, pass);
        _scores.Count = count;
        List<AttentionQuery> all = [];
        for (int token = 0; token < count; token++)
            all.Add(new(view, 0, count - 1, token));
        AttentionKernels.Attend(pass.Compute, _shape, all, queries, Width, attended);
        // Buffers that the pass gives up must not live on here.
        (_scores.ByQuery, _scores.ByKey) = (default, default);
    }

    /// <summary>[heads, tokens, rows]: each head of each token with each row of positions.</summary>
    private Memory<float> Scores(string name, Memory<float> projected, Memory<float> positions, int count, Pass pass)
    {
        int rows = 2 * _configuration.Span;
        Memory<float> scores = pass.Take(name, _heads * count * rows), tokens = pass.Take("tokens of a head", _heads * count * _size);
        for (int head = 0; head < _heads; head++)
        {
            for (int token = 0; token < count; token++)
                projected.Span.Slice(token * Width + head * _size, _size).CopyTo(tokens.Span[((head * count + token) * _size)..]);
        }
        pass.Compute.Run(_heads, head =>
        {
            ReadOnlySpan<float> input = tokens.Span.Slice(head * count * _size, count * _size), weights = positions.Span.Slice(head * rows * _size, rows * _size);
            for (int row = 0; row < rows; row += MatrixKernels.PanelRows)
            {
                int panel = Math.Min(MatrixKernels.PanelRows, rows - row);
                MatrixKernels.MultiplyPanel(pass.Path, weights.Slice(row * _size, panel * _size), panel, _size, input, count, scores.Span.Slice(head * count * rows, count * rows), rows, row);
            }
        });
        return scores;
    }

    /// <summary>The rows of positions as keys or as queries, [heads, rows, size]. They are the same in every pass.</summary>
    private Memory<float> ByHead(Linear? projection, Pass pass)
    {
        if (projection is null)
            return Enumerable.Repeat(_positions.Rows, _heads).SelectMany(row => row).ToArray();
        int rows = 2 * _configuration.Span;
        float[] projected = new float[rows * Width], byHead = new float[rows * Width];
        projection.Apply(_positions.Rows, rows, projected, pass.Compute);
        for (int row = 0; row < rows; row++)
        {
            for (int head = 0; head < _heads; head++)
                projected.AsSpan(row * Width + head * _size, _size).CopyTo(byHead.AsSpan((head * rows + row) * _size));
        }
        return byHead;
    }

    private Memory<float> Project(Linear projection, Memory<float> input, string name, Pass pass)
    {
        Memory<float> projected = pass.Take(name, pass.TokenCount * Width);
        projection.Apply(input, pass.TokenCount, projected, pass.Compute);
        return projected;
    }
}

/// <summary>The projections of what tokens say.</summary>
/// <param name="Query">Of queries.</param>
/// <param name="Key">Of keys.</param>
/// <param name="Value">Of values.</param>
/// <param name="Output">Back.</param>
internal sealed record ContentProjections(Linear Query, Linear Key, Linear Value, Linear Output);

/// <summary>The rows of the distances and their projections.</summary>
/// <param name="Rows">[2 span, heads × size]; [2 span, size] where heads take them as they are.</param>
/// <param name="Key">Of rows as keys; null where they are not projected, or where content does not look at positions.</param>
/// <param name="Query">Of rows as queries; null where they are not projected, or where positions do not look at content.</param>
internal sealed record PositionRows(float[] Rows, Linear? Key, Linear? Query);

/// <summary>Picks for each pair of tokens the scores of their distance.</summary>
/// <param name="configuration">Distances.</param>
/// <param name="scale">What scores are multiplied by.</param>
internal sealed class PositionScores(DisentangledConfiguration configuration, float scale) : IScoreBias
{
    private int[] _rows = [];

    /// <summary>[heads, tokens, rows]: queries with positions; empty for none.</summary>
    public Memory<float> ByQuery { get; set; }

    /// <summary>The same of keys.</summary>
    public Memory<float> ByKey { get; set; }

    /// <summary>Tokens of the text.</summary>
    public int Count
    {
        get;
        set
        {
            field = value;
            if (_rows.Length < 2 * value)
                _rows = [.. Enumerable.Range(0, 2 * value).Select(i => RowOf(i - value))];
            _zero = _rows.Length / 2;
        }
    }

    private int _zero;

    public void Add(KernelPath path, int head, int firstKey, int query, Span<float> scores)
    {
        int rows = 2 * configuration.Span;
        ReadOnlySpan<float> byQuery = ByQuery.IsEmpty ? default : ByQuery.Span.Slice((head * Count + query) * rows, rows), byKey = ByKey.Span;
        for (int i = 0; i < scores.Length; i++)
        {
            int key = firstKey + i, row = _rows[_zero + query - key];
            float sum = byQuery.IsEmpty ? 0 : byQuery[row];
            if (!byKey.IsEmpty)
                sum += byKey[(head * Count + key) * rows + row];
            scores[i] += sum * scale;
        }
    }

    /// <summary>The row of a distance, query less key.</summary>
    private int RowOf(int distance) => Math.Clamp(Bucket(distance) + configuration.Span, 0, 2 * configuration.Span - 1);

    private int Bucket(int distance)
    {
        int middle = configuration.Buckets / 2, far = Math.Abs(distance);
        if (configuration.Buckets == 0 || far <= middle)
            return distance;
        // In floats, as the reference has it, or distances at a border land in the next bucket.
        float logarithm = MathF.Ceiling(MathF.Log((float)far / middle) / (float)Math.Log((configuration.MaxDistance - 1.0) / middle) * (middle - 1));
        return Math.Sign(distance) * ((int)logarithm + middle);
    }
}
