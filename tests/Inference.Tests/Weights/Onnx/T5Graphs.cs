using LlmService.Inference.Weights.Onnx;

namespace LlmService.Inference.Tests.Weights.Onnx;

/// <summary>Graphs of the shape of a T5 model with random weights of 8 bits, as optimum exports and ONNX Runtime quantises them: an encoder, and a decoder with two branches.</summary>
internal sealed class T5Graphs
{
    private readonly Random _random = new(11);

    public required int Hidden { get; init; }

    public required int Inner { get; init; }

    public required int FeedForward { get; init; }

    public required int Heads { get; init; }

    public required int Layers { get; init; }

    public required int Vocabulary { get; init; }

    public int Buckets { get; init; } = 32;

    /// <summary>Writes both files into the folder <c>onnx</c> of a model's folder.</summary>
    public void Write(string folder)
    {
        string onnx = Directory.CreateDirectory(Path.Combine(folder, "onnx")).FullName;
        File.WriteAllBytes(Path.Combine(onnx, "encoder_model_quantized.onnx"), Encoder().ToFile());
        File.WriteAllBytes(Path.Combine(onnx, "decoder_model_merged_quantized.onnx"), Decoder().ToFile());
    }

    private OnnxGraphFile Encoder()
    {
        OnnxGraphFile graph = new();
        Stack(graph, graph, "", "embed_tokens", Weights, crosses: false);
        return graph;
    }

    // The constants are those of the graph around, and both branches use them.
    private OnnxGraphFile Decoder()
    {
        OnnxGraphFile outer = new(), first = new(), second = new();
        Stack(outer, first, "/decoder", "shared", Weights, crosses: true);
        Stack(outer, second, "/decoder", "shared", (_, _, _, _) => { }, crosses: true);
        Product(outer, first, "/lm_head", Hidden, Vocabulary, Weights);
        return outer.Node("If", "optimum::if", ["use_cache_branch"], ["logits"], OnnxGraphFile.Branch("then_branch", second), OnnxGraphFile.Branch("else_branch", first));
    }

    private void Stack(OnnxGraphFile constants, OnnxGraphFile nodes, string root, string table, Action<OnnxGraphFile, string, int, int> weights, bool crosses)
    {
        Table(constants, nodes, $"{root}/{table}", Vocabulary, Hidden, weights);
        Table(constants, nodes, $"{root}/block.0/layer.0/SelfAttention/relative_attention_bias", Buckets, Heads, weights);
        for (int i = 0; i < Layers; i++)
        {
            string block = $"{root}/block.{i}";
            Attention(constants, nodes, $"{block}/layer.0", "SelfAttention", weights);
            if (crosses)
                Attention(constants, nodes, $"{block}/layer.1", "EncDecAttention", weights);
            string last = $"{block}/layer.{(crosses ? 2 : 1)}";
            Norm(constants, nodes, $"{last}/layer_norm", weights);
            Product(constants, nodes, $"{last}/DenseReluDense/wi_0", Hidden, FeedForward, weights);
            Product(constants, nodes, $"{last}/DenseReluDense/wi_1", Hidden, FeedForward, weights);
            Product(constants, nodes, $"{last}/DenseReluDense/wo", FeedForward, Hidden, weights);
        }
        Norm(constants, nodes, $"{root}/final_layer_norm", weights);
    }

    private void Attention(OnnxGraphFile constants, OnnxGraphFile nodes, string layer, string kind, Action<OnnxGraphFile, string, int, int> weights)
    {
        Norm(constants, nodes, $"{layer}/layer_norm", weights);
        foreach (string projection in new[] { "q", "k", "v" })
            Product(constants, nodes, $"{layer}/{kind}/{projection}", Hidden, Inner, weights);
        Product(constants, nodes, $"{layer}/{kind}/o", Inner, Hidden, weights);
    }

    private static void Product(OnnxGraphFile constants, OnnxGraphFile nodes, string path, int inputs, int outputs, Action<OnnxGraphFile, string, int, int> weights)
    {
        weights(constants, "onnx::MatMul_" + path, inputs, outputs);
        nodes.IntegerProduct(path, "x", "onnx::MatMul_" + path);
    }

    private static void Table(OnnxGraphFile constants, OnnxGraphFile nodes, string path, int entries, int width, Action<OnnxGraphFile, string, int, int> weights)
    {
        weights(constants, path, entries, width);
        nodes.Node("Gather", path + "/Gather_quant", [path + "_quantized", "ids"], [path + "_rows"])
            .Node("DequantizeLinear", path + "/DequantizeLinear", [path + "_rows", path + "_scale", path + "_zero_point"], [path + "_floats"]);
    }

    private static void Norm(OnnxGraphFile constants, OnnxGraphFile nodes, string path, Action<OnnxGraphFile, string, int, int> weights)
    {
        weights(constants, path, 0, 0);
        nodes.Node("Mul", path + "/Mul_1", [path, path + "_x"], [path + "_output"]);
    }

    /// <summary>Constants of a name; without sizes those of a norm.</summary>
    private void Weights(OnnxGraphFile graph, string name, int rows, int columns)
    {
        if (rows == 0)
        {
            graph.Constant(name, [Hidden], [.. Enumerable.Repeat(1f, Hidden)]);
            return;
        }
        byte[] numbers = new byte[rows * columns];
        _random.NextBytes(numbers);
        // Per tensor; the square root keeps what is added to the state of the size of the state.
        graph.Constant(name + "_quantized", OnnxType.Int8, [rows, columns], numbers)
            .Constant(name + "_scale", [], 1 / (74 * MathF.Sqrt(rows)))
            .Constant(name + "_zero_point", OnnxType.Int8, [], [0]);
    }
}
