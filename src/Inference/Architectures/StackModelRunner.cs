using LlmService.Inference.Blocks;
using LlmService.Inference.Execution;

namespace LlmService.Inference.Architectures;

/// <summary>A runner whose decoder is one stack of layers with a head.</summary>
/// <param name="rowByRow">Whether the rows of a batch run one after the other, as a row's results would depend on its neighbours.</param>
internal abstract class StackModelRunner(bool rowByRow) : ModelRunner
{
    // Of the rows that were run last, [tokens, hidden]; empty where their logits are made already.
    private Memory<float> _state;

    /// <summary>The layers of the decoder.</summary>
    protected abstract Stack Decoder { get; }

    /// <summary>What makes logits of their output.</summary>
    protected abstract Head Head { get; }

    /// <summary>The tokens that go through them.</summary>
    protected abstract DecoderPass DecoderPass { get; }

    /// <inheritdoc/>
    public sealed override void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
    {
        if (rowByRow && rows.Length > 1)
        {
            ForwardSingly(rows, logits);
            return;
        }
        Run(rows);
        WriteLogits(0, DecoderPass.Batch.LogitsTokens.Count, logits);
    }

    /// <inheritdoc/>
    public sealed override void Run(ReadOnlySpan<BatchRow> rows)
    {
        if (rowByRow && rows.Length > 1)
        {
            base.Run(rows);
            _state = default;
            return;
        }
        DecoderPass.Fill(rows, Model.VocabularySize);
        _state = Decoder.Apply(DecoderPass.Batch.TokenIds, DecoderPass);
    }

    /// <inheritdoc/>
    public sealed override void WriteLogits(int first, int count, Memory<float> logits)
    {
        if (_state.IsEmpty)
            base.WriteLogits(first, count, logits);
        else
            Head.Write(DecoderPass.Batch, first, count, _state.Span, logits, DecoderPass);
    }

    /// <inheritdoc/>
    public override long ReleaseBuffers()
    {
        _state = default;
        return DecoderPass.ReleaseBuffers() + base.ReleaseBuffers();
    }

    private void ForwardSingly(ReadOnlySpan<BatchRow> rows, Memory<float> logits)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            int count = rows[i].LogitsCount * Model.VocabularySize;
            Forward(rows.Slice(i, 1), logits[..count]);
            logits = logits[count..];
        }
    }
}
