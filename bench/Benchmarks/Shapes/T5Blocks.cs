using static LlmService.Benchmarks.Shapes.OnnxGraphWriter;

namespace LlmService.Benchmarks.Shapes;

/// <summary>The parts of a T5 as nodes of an ONNX graph, the way that exporters write them.</summary>
internal sealed class T5Blocks(OnnxGraphWriter graph, T5Sizes sizes, Func<string, string> weights)
{
    private const int Exact = 16, MostDistance = 128;

    /// <summary>The length of a dimension.</summary>
    public string Size(string value, int dimension) => graph.Node("Gather", [graph.Node("Shape", [value]), graph.Whole(dimension)], Attribute("axis", 0));

    public string Embed(string name, string ids)
    {
        string table = weights(name);
        string rows = graph.Node("Gather", [table + "_quantized", ids], Attribute("axis", 0));
        return graph.Node("DequantizeLinear", [rows, table + "_scale", table + "_zero_point"]);
    }

    public string Norm(string name, string x)
    {
        string square = graph.Node("Pow", [x, graph.Scalar(2)]);
        string mean = graph.Node("ReduceMean", [square], Attribute("axes", [-1]), Attribute("keepdims", 1));
        string root = graph.Node("Sqrt", [graph.Node("Add", [mean, graph.Scalar(1e-6f)])]);
        return graph.Node("Mul", [weights(name), graph.Node("Mul", [x, graph.Node("Div", [graph.Scalar(1), root])])]);
    }

    public string Product(string name, string x) => Products(x, name)[0];

    /// <summary>What is added to the scores of self-attention: the learned bias of distances, and for a decoder the mask of what comes later.</summary>
    public string Bias(string stack, string past, string length, bool bothWays)
    {
        string end = graph.Node("Add", [past, length]);
        string queries = graph.Node("Unsqueeze", [graph.Node("Range", [past, end, graph.Whole(1)]), graph.List(1)]);
        string keys = graph.Node("Unsqueeze", [graph.Node("Range", [graph.Whole(0), end, graph.Whole(1)]), graph.List(0)]);
        string distance = graph.Node("Sub", [keys, queries]);
        string later = graph.Node("Greater", [distance, graph.Whole(0)]);
        string buckets = bothWays
            ? graph.Node("Add", [graph.Node("Mul", [graph.Node("Cast", [later], Attribute("to", I64)), graph.Whole(Exact)]), Bucket(graph.Node("Abs", [distance]), Exact)])
            : Bucket(graph.Node("Max", [graph.Node("Neg", [distance]), graph.Whole(0)]), 2 * Exact);
        string table = graph.Node("Gather", [weights($"{stack}/bias"), buckets], Attribute("axis", 0));
        string bias = graph.Node("Unsqueeze", [graph.Node("Transpose", [table], Attribute("perm", [2, 0, 1])), graph.List(0)]);
        return bothWays ? bias : graph.Node("Add", [bias, graph.Node("Mul", [graph.Node("Cast", [later], Attribute("to", F32)), graph.Scalar(-1e9f)])]);
    }

    /// <summary>A mask of ones and zeros as what is added to scores.</summary>
    public string Mask(string mask, float farAway)
    {
        string wide = graph.Node("Cast", [graph.Node("Unsqueeze", [mask, graph.List(1, 2)])], Attribute("to", F32));
        return graph.Node("Mul", [graph.Node("Sub", [graph.Scalar(1), wide]), graph.Scalar(farAway)]);
    }

    public (string Output, string Key, string Value) SelfAttention(string name, string x, string bias, string? past)
    {
        string[] parts = Products(Norm($"{name}/self/norm", x), $"{name}/self/q", $"{name}/self/k", $"{name}/self/v");
        string key = Heads(parts[1]), value = Heads(parts[2]);
        if (past is not null)
        {
            key = graph.Node("Concat", [past + ".key", key], Attribute("axis", 2));
            value = graph.Node("Concat", [past + ".value", value], Attribute("axis", 2));
        }
        return (Attend($"{name}/self/o", x, Heads(parts[0]), key, value, bias), key, value);
    }

    /// <summary>Attention to the encoder's output, whose keys and values the branch with a cache only passes on.</summary>
    public (string Output, string Key, string Value) CrossAttention(string name, string x, string mask, string? past)
    {
        string query = Heads(Product($"{name}/cross/q", Norm($"{name}/cross/norm", x)));
        string[] source = past is null
            ? [.. Products("encoder_hidden_states", $"{name}/cross/k", $"{name}/cross/v").Select(Heads)]
            : [past + ".key", past + ".value"];
        return (Attend($"{name}/cross/o", x, query, source[0], source[1], mask), source[0], source[1]);
    }

    public string FeedForward(string name, string x)
    {
        string[] parts = Products(Norm($"{name}/feed/norm", x), $"{name}/feed/wi_0", $"{name}/feed/wi_1");
        return graph.Node("Add", [x, Product($"{name}/feed/wo", graph.Node("Mul", [Gelu(parts[0]), parts[1]]))]);
    }

    private string Gelu(string x)
    {
        string cubic = graph.Node("Add", [x, graph.Node("Mul", [graph.Node("Pow", [x, graph.Scalar(3)]), graph.Scalar(0.044715f)])]);
        string tanh = graph.Node("Tanh", [graph.Node("Mul", [cubic, graph.Scalar(0.7978846f)])]);
        return graph.Node("Mul", [graph.Node("Mul", [x, graph.Scalar(0.5f)]), graph.Node("Add", [tanh, graph.Scalar(1)])]);
    }

    private string Attend(string name, string x, string query, string key, string value, string bias)
    {
        string scores = graph.Node("MatMul", [query, graph.Node("Transpose", [key], Attribute("perm", [0, 1, 3, 2]))]);
        string shares = graph.Node("Softmax", [graph.Node("Add", [scores, bias])], Attribute("axis", -1));
        string mixed = graph.Node("Transpose", [graph.Node("MatMul", [shares, value])], Attribute("perm", [0, 2, 1, 3]));
        return graph.Node("Add", [x, Product(name, graph.Node("Reshape", [mixed, graph.List(0, 0, sizes.Inner)]))]);
    }

    private string Heads(string x) => graph.Node("Transpose", [graph.Node("Reshape", [x, graph.List(0, 0, sizes.Heads, sizes.Head)])], Attribute("perm", [0, 2, 1, 3]));

    // Several products of one input quantise it once.
    private string[] Products(string x, params string[] names)
    {
        string[] input = graph.Nodes("DynamicQuantizeLinear", [x], 3);
        return [.. names.Select(weights).Select(matrix =>
        {
            string sum = graph.Node("Cast", [graph.Node("MatMulInteger", [input[0], matrix + "_quantized", input[2], matrix + "_zero_point"])], Attribute("to", F32));
            return graph.Node("Mul", [sum, graph.Node("Mul", [input[1], matrix + "_scale"])]);
        })];
    }

    // Half of the buckets are exact distances, the others grow with the logarithm.
    private string Bucket(string distance, int buckets)
    {
        int exact = buckets / 2;
        string ratio = graph.Node("Div", [graph.Node("Cast", [graph.Node("Max", [distance, graph.Whole(1)])], Attribute("to", F32)), graph.Scalar(exact)]);
        string scaled = graph.Node("Mul", [graph.Node("Div", [graph.Node("Log", [ratio]), graph.Scalar(MathF.Log((float)MostDistance / exact))]), graph.Scalar(buckets - exact)]);
        string far = graph.Node("Min", [graph.Node("Add", [graph.Node("Cast", [scaled], Attribute("to", I64)), graph.Whole(exact)]), graph.Whole(buckets - 1)]);
        return graph.Node("Where", [graph.Node("Less", [distance, graph.Whole(exact)]), distance, far]);
    }
}
