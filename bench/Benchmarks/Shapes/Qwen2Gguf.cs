using System.Text;

namespace LlmService.Benchmarks.Shapes;

/// <summary>A Qwen2 as a GGUF file in which every matrix is Q4_0, as llama.cpp calls the pure recipe. Its vocabulary
/// has the bytes and made-up words: only ids go in, but no model is taken without one.</summary>
internal sealed class Qwen2Gguf(Qwen2Sizes sizes)
{
    // Numbers of the metadata and tensor types of the format.
    private const uint TypeUInt32 = 4, TypeFloat = 6, TypeText = 8, TypeList = 9, TensorF32 = 0, TensorQ4 = 2, MostlyQ4 = 2;
    private const int Alignment = 32, Block = 32, BlockBytes = 18;

    private sealed record Tensor(string Name, int Columns, int Rows)
    {
        public bool IsMatrix => Rows > 0;

        public long Bytes => IsMatrix ? (long)Rows * Columns / Block * BlockBytes : 4L * Columns;
    }

    public void Write(string path)
    {
        Tensor[] tensors = [.. Tensors()];
        using BinaryWriter file = new(File.Create(path), Encoding.UTF8);
        file.Write("GGUF"u8);
        file.Write(3u);
        file.Write((long)tensors.Length);
        WriteMetadata(file);
        long offset = 0;
        foreach (Tensor tensor in tensors)
        {
            Text(file, tensor.Name);
            file.Write(tensor.IsMatrix ? 2u : 1u);
            file.Write((long)tensor.Columns);
            if (tensor.IsMatrix)
                file.Write((long)tensor.Rows);
            file.Write(tensor.IsMatrix ? TensorQ4 : TensorF32);
            file.Write(offset);
            offset += Padded(tensor.Bytes);
        }
        file.Write(new byte[Padded(file.BaseStream.Position) - file.BaseStream.Position]);
        Random random = new(1);
        foreach (Tensor tensor in tensors)
            WriteNumbers(file, tensor, random);
    }

    private void WriteMetadata(BinaryWriter file)
    {
        (string Name, object Value)[] all =
        [
            ("general.architecture", "qwen2"), ("general.file_type", MostlyQ4), ("qwen2.block_count", (uint)sizes.Layers), ("qwen2.context_length", 32768u),
            ("qwen2.embedding_length", (uint)sizes.Hidden), ("qwen2.feed_forward_length", (uint)sizes.FeedForward), ("qwen2.attention.head_count", (uint)sizes.Heads),
            ("qwen2.attention.head_count_kv", (uint)sizes.KeyHeads), ("qwen2.attention.layer_norm_rms_epsilon", 1e-6f), ("qwen2.rope.freq_base", 1e6f),
            ("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "qwen2"), ("tokenizer.ggml.tokens", Vocabulary()), ("tokenizer.ggml.merges", new[] { "t t" }),
            ("tokenizer.ggml.eos_token_id", (uint)sizes.Vocabulary - 1),
        ];
        file.Write((long)all.Length);
        foreach ((string name, object value) in all)
        {
            Text(file, name);
            WriteValue(file, value);
        }
    }

    private static void WriteValue(BinaryWriter file, object value)
    {
        switch (value)
        {
            case uint whole:
                file.Write(TypeUInt32);
                file.Write(whole);
                break;
            case float real:
                file.Write(TypeFloat);
                file.Write(real);
                break;
            case string text:
                file.Write(TypeText);
                Text(file, text);
                break;
            default:
                string[] list = (string[])value;
                file.Write(TypeList);
                file.Write(TypeText);
                file.Write((long)list.Length);
                foreach (string text in list)
                    Text(file, text);
                break;
        }
    }

    // The bytes as GPT-2 writes them: printable ones as themselves, the others from U+0100 on.
    private string[] Vocabulary()
    {
        int others = 256;
        IEnumerable<string> bytes = Enumerable.Range(0, 256).Select(b => ((char)(b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? b : others++)).ToString());
        return [.. bytes, .. Enumerable.Range(256, sizes.Vocabulary - 256).Select(i => $"word{i}")];
    }

    private IEnumerable<Tensor> Tensors()
    {
        int hidden = sizes.Hidden, keys = sizes.KeyHeads * sizes.Head;
        yield return new("token_embd.weight", hidden, sizes.Vocabulary);
        yield return new("output_norm.weight", hidden, 0);
        for (int i = 0; i < sizes.Layers; i++)
        {
            yield return new($"blk.{i}.attn_norm.weight", hidden, 0);
            yield return new($"blk.{i}.ffn_norm.weight", hidden, 0);
            foreach ((string name, int rows) in new[] { ("q", hidden), ("k", keys), ("v", keys) })
            {
                yield return new($"blk.{i}.attn_{name}.weight", hidden, rows);
                yield return new($"blk.{i}.attn_{name}.bias", rows, 0);
            }
            yield return new($"blk.{i}.attn_output.weight", hidden, hidden);
            yield return new($"blk.{i}.ffn_gate.weight", hidden, sizes.FeedForward);
            yield return new($"blk.{i}.ffn_up.weight", hidden, sizes.FeedForward);
            yield return new($"blk.{i}.ffn_down.weight", sizes.FeedForward, hidden);
        }
    }

    private static void WriteNumbers(BinaryWriter file, Tensor tensor, Random random)
    {
        byte[] bytes = new byte[Padded(tensor.Bytes)];
        if (tensor.IsMatrix)
        {
            random.NextBytes(bytes);
            Half scale = (Half)(1 / (5 * MathF.Sqrt(tensor.Columns)));
            for (long i = 0; i < tensor.Bytes; i += BlockBytes)
                BitConverter.TryWriteBytes(bytes.AsSpan((int)i), scale);
        }
        else
        {
            float value = tensor.Name.Contains("norm", StringComparison.Ordinal) ? 1 : 0;
            for (int i = 0; i < tensor.Columns; i++)
                BitConverter.TryWriteBytes(bytes.AsSpan(4 * i), value);
        }
        file.Write(bytes);
    }

    private static void Text(BinaryWriter file, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        file.Write((long)bytes.Length);
        file.Write(bytes);
    }

    private static long Padded(long length) => (length + Alignment - 1) / Alignment * Alignment;
}
