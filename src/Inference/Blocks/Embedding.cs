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

    /// <summary>A row that is added to all, such as that of the first token type; null for none.</summary>
    public float[]? Constant { get; init; }

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
        for (int token = 0; token < ids.Count; token++)
            table.ReadRow(ids[token], state.Span.Slice(token * width, width));
        if (Scale != 1)
            NormKernels.Scale(pass.Path, state.Span, Scale);
        if (!ProjectsLast)
            state = Project(state, pass);
        AddRows(state.Span, state.Length / ids.Count, pass);
        Norm?.Apply(state.Span, ids.Count, state.Span, pass.Path);
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

    private void AddRows(Span<float> state, int width, Pass pass)
    {
        if (Positions is null && Constant is null)
            return;
        Span<float> row = pass.Take("position", width).Span;
        for (int token = 0; token < pass.TokenCount; token++)
        {
            Span<float> target = state.Slice(token * width, width);
            if (Positions is not null)
            {
                Positions.ReadRow(pass.Positions[token] + PositionOffset, row);
                ElementKernels.Add(pass.Path, target, row);
            }
            if (Constant is not null)
                ElementKernels.Add(pass.Path, target, Constant);
        }
    }
}
