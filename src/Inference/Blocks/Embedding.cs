using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Blocks;

/// <summary>Turns token ids into the first state of a stack.</summary>
/// <param name="table">[vocabulary, width].</param>
internal sealed class Embedding(WeightMatrix table)
{
    /// <summary>Multiplies the tokens' rows.</summary>
    public float Scale { get; init; } = 1;

    /// <summary>Rows that are added by position; null for none.</summary>
    public WeightMatrix? Positions { get; init; }

    /// <summary>The row of the first position.</summary>
    public int PositionOffset { get; init; }

    /// <summary>Positions are counted over tokens that are not this one, which itself has the row before the first (RoBERTa, fairseq); null where all count.</summary>
    public int? PaddingTokenId { get; init; }

    /// <summary>Rows that are added by the type of a token; null for none.</summary>
    public WeightMatrix? Types { get; init; }

    /// <summary>A norm of the sums; null for none.</summary>
    public Norm? Norm { get; init; }

    /// <summary>A projection to the width of the layers, of the tokens' rows; null for none.</summary>
    public Linear? Projection { get; init; }

    /// <summary>Whether the projection is of the normed sums, positions included, in place of the tokens' rows.</summary>
    public bool ProjectsLast { get; init; }

    /// <summary>Computes [tokens, width of the layers].</summary>
    public Memory<float> Apply(IReadOnlyList<int> ids, Pass pass)
    {
        int width = table.Columns;
        Memory<float> state = pass.Take("embedded", ids.Count * width);
        pass.Compute.Each(ids.Count, width, token => table.ReadRow(ids[token], state.Span.Slice(token * width, width)));
        if (Scale != 1)
            ElementKernels.Scale(pass.Path, state.Span, Scale);
        if (!ProjectsLast)
            state = Project(state, pass);
        AddRows(state.Span, ids, pass);
        Norm?.Apply(state, ids.Count, state, pass.Compute);
        return ProjectsLast ? Project(state, pass) : state;
    }

    private Memory<float> Project(Memory<float> state, Pass pass)
    {
        if (Projection is null)
            return state;
        Memory<float> projected = pass.Take("embedded projected", pass.TokenCount * Projection.Outputs);
        Projection.Apply(state, pass.TokenCount, projected, pass.Compute);
        return projected;
    }

    private void AddRows(Span<float> state, IReadOnlyList<int> ids, Pass pass)
    {
        int width = state.Length / ids.Count, counted = 0;
        Span<float> row = pass.Take("position", width).Span;
        for (int token = 0; token < ids.Count; token++)
        {
            Span<float> target = state.Slice(token * width, width);
            if (pass.Positions[token] == pass.Starts[token])
                counted = pass.Starts[token];
            bool isPadding = ids[token] == PaddingTokenId;
            if (Positions is not null)
                Add(Positions, isPadding ? PositionOffset - 1 : PositionOffset + (PaddingTokenId is null ? pass.Positions[token] : counted), row, target, pass.Path);
            if (Types is not null)
                Add(Types, pass.TypeOf(token), row, target, pass.Path);
            counted += isPadding ? 0 : 1;
        }
    }

    private static void Add(WeightMatrix table, int index, Span<float> row, Span<float> target, KernelPath path)
    {
        table.ReadRow(index, row);
        ElementKernels.Add(path, target, row);
    }
}
