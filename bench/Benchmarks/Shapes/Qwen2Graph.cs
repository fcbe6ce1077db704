using System.Runtime.InteropServices;
using static LlmService.Benchmarks.Shapes.OnnxGraphWriter;

namespace LlmService.Benchmarks.Shapes;

/// <summary>The sizes of a Qwen2.</summary>
internal sealed record Qwen2Sizes(int Hidden, int FeedForward, int Heads, int KeyHeads, int Layers, int Vocabulary)
{
    public int Head => Hidden / Heads;
}

/// <summary>
/// A Qwen2 in 4 bit for ONNX Runtime at its best: packed projections, GroupQueryAttention with its own rotation, MatMulNBits in blocks of 32 with 8-bit arithmetic, fused norms,
/// and the head for the last token only. The names of inputs and outputs are those that transformers.js looks for.
/// </summary>
internal sealed class Qwen2Graph(Qwen2Sizes sizes)
{
    private const int Block = 32, Positions = 8192;
    private readonly Random _random = new(1);
    private readonly OnnxGraphWriter _graph = new();

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        _graph.Input("input_ids", I64, "batch_size", "length");
        _graph.Input("attention_mask", I64, "batch_size", "total");
        string lengths = _graph.Node("Cast", [_graph.Node("Sub", [_graph.Node("ReduceSum", ["attention_mask", _graph.List(1)], Attribute("keepdims", 0)), _graph.Whole(1)])], Attribute("to", I32));
        string total = _graph.Node("Cast", [_graph.Node("Gather", [_graph.Node("Shape", ["attention_mask"]), _graph.Whole(1)], Attribute("axis", 0))], Attribute("to", I32));
        string x = _graph.Node("Cast", [_graph.Node("Gather", [Embedding(), "input_ids"], Attribute("axis", 0))], Attribute("to", F32));
        string residual = x, normed = _graph.Node("SimplifiedLayerNormalization", [x, Gamma("0/in")], Attribute("axis", -1), Attribute("epsilon", 1e-6f), Attribute("stash_type", 1));
        for (int i = 0; i < sizes.Layers; i++)
        {
            (normed, residual) = Skip(residual, Attention(i, normed, lengths, total), $"{i}/post");
            (normed, residual) = Skip(residual, FeedForward(i, normed), $"{i + 1}/in");
        }
        string last = _graph.Node("Gather", [normed, _graph.List(-1)], Attribute("axis", 1));
        _graph.Rename(Product("head", last, sizes.Hidden, sizes.Vocabulary), "logits", F32, 3);
        _graph.Write(Path.Combine(folder, "model_q4.onnx"));
    }

    private string Attention(int layer, string x, string lengths, string total)
    {
        int packed = (sizes.Heads + 2 * sizes.KeyHeads) * sizes.Head;
        string biases = _graph.Floats($"{layer}/bias", [packed], new float[packed]);
        string query = _graph.Node("Add", [Product($"{layer}/qkv", x, sizes.Hidden, packed), biases]);
        string[] past = [$"past_key_values.{layer}.key", $"past_key_values.{layer}.value"], present = [$"present.{layer}.key", $"present.{layer}.value"];
        for (int i = 0; i < past.Length; i++)
        {
            _graph.Input(past[i], F32, "batch_size", sizes.KeyHeads, "past", sizes.Head);
            _graph.Output(present[i], F32, 4);
        }
        string mixed = $"{layer}/attention";
        _graph.Contributed("GroupQueryAttention", [query, "", "", past[0], past[1], lengths, total, Rotation("cos", MathF.Cos), Rotation("sin", MathF.Sin)], [mixed, present[0], present[1]],
            Attribute("num_heads", sizes.Heads), Attribute("kv_num_heads", sizes.KeyHeads), Attribute("do_rotary", 1), Attribute("rotary_interleaved", 0));
        return Product($"{layer}/o", mixed, sizes.Hidden, sizes.Hidden);
    }

    private string FeedForward(int layer, string x)
    {
        string gate = Product($"{layer}/gate", x, sizes.Hidden, sizes.FeedForward), up = Product($"{layer}/up", x, sizes.Hidden, sizes.FeedForward);
        string active = _graph.Node("Mul", [gate, _graph.Node("Sigmoid", [gate])]);
        return Product($"{layer}/down", _graph.Node("Mul", [active, up]), sizes.FeedForward, sizes.Hidden);
    }

    private (string Normed, string Sum) Skip(string residual, string x, string gamma)
    {
        string normed = gamma + "/normed", sum = gamma + "/sum";
        _graph.Contributed("SkipSimplifiedLayerNormalization", [x, residual, Gamma(gamma)], [normed, "", "", sum], Attribute("epsilon", 1e-6f));
        return (normed, sum);
    }

    private string Product(string name, string x, int columns, int rows)
    {
        byte[] numbers = new byte[(long)rows * columns / 2];
        _random.NextBytes(numbers);
        float[] scales = new float[(long)rows * columns / Block];
        Array.Fill(scales, 1 / (5 * MathF.Sqrt(columns)));
        _graph.Tensor(name + "_q4", U8, [rows, columns / Block, Block / 2], numbers);
        _graph.Floats(name + "_scales", [scales.Length], scales);
        string output = name + "/product";
        _graph.Contributed("MatMulNBits", [x, name + "_q4", name + "_scales"], [output],
            Attribute("K", columns), Attribute("N", rows), Attribute("bits", 4), Attribute("block_size", Block), Attribute("accuracy_level", 4));
        return output;
    }

    private string Gamma(string name) => _graph.Floats(name + "_gamma", [sizes.Hidden], [.. Enumerable.Repeat(1f, sizes.Hidden)]);

    private string Embedding()
    {
        byte[] bytes = new byte[2L * sizes.Vocabulary * sizes.Hidden];
        foreach (ref Half number in MemoryMarshal.Cast<byte, Half>(bytes.AsSpan()))
            number = (Half)(_random.NextSingle() - 0.5f);
        return _graph.Tensor("embedding", F16, [sizes.Vocabulary, sizes.Hidden], bytes);
    }

    private string Rotation(string name, Func<float, float> wave)
    {
        int half = sizes.Head / 2;
        return _graph.Has(name) ? name : _graph.Floats(name, [Positions, half],
            [.. Enumerable.Range(0, Positions * half).Select(i => wave(i / half * MathF.Pow(1_000_000, -(float)(i % half) / half)))]);
    }
}
