namespace LlmService.Inference.Execution;

/// <summary>One row of a ragged batch: consecutive tokens of one sequence. A whole prompt, a chunk of one, one decode step and several draft tokens to verify are all rows.</summary>
/// <param name="TokenIds">The ids, at least one.</param>
/// <param name="FirstPosition">The position of the first id in its sequence; everything before it is in the cache.</param>
/// <param name="Cache">The sequence's cache, with room reserved for these positions.</param>
/// <param name="LogitsCount">How many of the last tokens of the row need logits; 0 for a chunk that is not the last.</param>
public readonly record struct BatchRow(ReadOnlyMemory<int> TokenIds, int FirstPosition, SequenceCache Cache, int LogitsCount);

/// <summary>One input of the encoder.</summary>
/// <param name="TokenIds">The ids, at least one.</param>
/// <param name="Cache">The sequence's cache, with room reserved for the cross-attention of these tokens.</param>
public readonly record struct EncoderRow(ReadOnlyMemory<int> TokenIds, SequenceCache Cache);

/// <summary>Runs forward passes of one model. Used by one thread at a time; it knows nothing of requests.</summary>
public abstract class ModelRunner : IDisposable
{
    // Of the rows that were run last, where they are not made piece by piece.
    private float[] _logits = [];

    /// <summary>What the model is.</summary>
    public abstract ModelDescription Model { get; }

    /// <summary>Floats of the buffers of a pass, for each token of it.</summary>
    public virtual long ActivationsPerToken => 0;

    /// <summary>Floats of buffers that do not depend on the pass.</summary>
    public virtual long ConstantActivations => 0;

    /// <summary>The cache that this runner reads and writes.</summary>
    public abstract KvCache Cache { get; }

    /// <summary>Where rotary positions begin to depend on the length of the sequence; null where they do not.</summary>
    public virtual RotationLimit? Rotation => null;

    /// <summary>Runs the decoder over a ragged batch and writes the keys and values of every token into the caches.</summary>
    /// <param name="rows">The rows; no two of the same sequence.</param>
    /// <param name="logits">Receives [sum of LogitsCount, vocabulary], in the order of the rows.</param>
    public abstract void Forward(ReadOnlySpan<BatchRow> rows, Memory<float> logits);

    /// <summary>Runs the decoder as <see cref="Forward"/> does, but leaves the logits for <see cref="WriteLogits"/>, so that those of many rows need not all be in memory.</summary>
    /// <param name="rows">The rows; no two of the same sequence.</param>
    public virtual void Run(ReadOnlySpan<BatchRow> rows)
    {
        int count = 0;
        foreach (BatchRow row in rows)
            count += row.LogitsCount;
        _logits = new float[count * Model.VocabularySize];
        Forward(rows, _logits);
    }

    /// <summary>Writes logits of the rows that were run last.</summary>
    /// <param name="first">The first token of those that need logits.</param>
    /// <param name="count">How many tokens.</param>
    /// <param name="logits">Receives [count, vocabulary].</param>
    public virtual void WriteLogits(int first, int count, Memory<float> logits) =>
        _logits.AsMemory(first * Model.VocabularySize, count * Model.VocabularySize).CopyTo(logits);

    /// <summary>Runs the encoder and fills the cross-attention part of each cache.</summary>
    /// <exception cref="NotSupportedException">The model has no encoder.</exception>
    public virtual void Encode(ReadOnlySpan<EncoderRow> rows) =>
        throw new NotSupportedException($"The architecture '{Model.Architecture}' has no encoder.");

    /// <summary>Runs the next part of the encoder over one input, such as a layer, so that others need not wait for all of it. Parts of two inputs do not mix.</summary>
    /// <param name="row">The input.</param>
    /// <param name="part">0, 1, 2, … until the last one is done.</param>
    /// <returns>Whether it was the last one.</returns>
    /// <exception cref="NotSupportedException">The model has no encoder.</exception>
    public virtual bool EncodePart(EncoderRow row, int part)
    {
        Encode([row]);
        return true;
    }

    /// <summary>Gives up the buffers of passes, which the next one makes anew. Between inputs only.</summary>
    /// <returns>Their bytes.</returns>
    public virtual long ReleaseBuffers()
    {
        long bytes = (long)_logits.Length * sizeof(float);
        _logits = [];
        return bytes;
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
