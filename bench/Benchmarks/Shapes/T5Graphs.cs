using static LlmService.Benchmarks.Shapes.OnnxGraphWriter;

namespace LlmService.Benchmarks.Shapes;

/// <summary>The sizes of a T5.</summary>
internal sealed record T5Sizes(int Hidden, int Head, int FeedForward, int Heads, int Layers, int Vocabulary)
{
    public int Inner => Head * Heads;
}

/// <summary>
/// The files of a T5 in 8 bit as Xenova publishes them: an encoder, and a decoder whose two branches, without and with a cache, are one <c>If</c>. The operators are those of the
/// published files, and every product is a DynamicQuantizeLinear with a MatMulInteger; the masks are made with fewer nodes.
/// </summary>
internal sealed class T5Graphs(T5Sizes sizes)
{
    private const int Buckets = 32;
    private const float FarAway = -1e9f;
    private static readonly string[] CacheKinds = ["decoder.key", "decoder.value", "encoder.key", "encoder.value"];
    private readonly Random _random = new(1);

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        Encoder().Write(Path.Combine(folder, "encoder_model_quantized.onnx"));
        Decoder().Write(Path.Combine(folder, "decoder_model_merged_quantized.onnx"));
    }

    private OnnxGraphWriter Encoder()
    {
        OnnxGraphWriter graph = new();
        graph.Input("input_ids", I64, "batch_size", "length");
        graph.Input("attention_mask", I64, "batch_size", "length");
        T5Blocks blocks = new(graph, sizes, name => Weights(graph, name));
        string x = blocks.Embed("encoder/embed", "input_ids");
        string bias = graph.Node("Add", [blocks.Bias("encoder", graph.Whole(0), blocks.Size("input_ids", 1), bothWays: true), blocks.Mask("attention_mask", FarAway)]);
        for (int i = 0; i < sizes.Layers; i++)
        {
            x = blocks.SelfAttention($"encoder/{i}", x, bias, null).Output;
            x = blocks.FeedForward($"encoder/{i}", x);
        }
        graph.Rename(blocks.Norm("encoder/final", x), "last_hidden_state", F32, 3);
        return graph;
    }

    private OnnxGraphWriter Decoder()
    {
        OnnxGraphWriter graph = new();
        graph.Input("encoder_attention_mask", I64, "batch_size", "source");
        graph.Input("input_ids", I64, "batch_size", "length");
        graph.Input("encoder_hidden_states", F32, "batch_size", "source", sizes.Hidden);
        string[] caches = [.. Enumerable.Range(0, sizes.Layers).SelectMany(i => CacheKinds.Select(kind => $"{i}.{kind}"))];
        foreach (string cache in caches)
            graph.Input("past_key_values." + cache, F32, "batch_size", sizes.Heads, cache.Contains("encoder", StringComparison.Ordinal) ? "source_past" : "past", sizes.Head);
        graph.Input("use_cache_branch", Truth, 1);
        string[] outputs = ["logits", .. caches.Select(cache => "present." + cache)];
        graph.Named("If", ["use_cache_branch"], outputs, Attribute("then_branch", Branch(graph, cached: true)), Attribute("else_branch", Branch(graph, cached: false)));
        graph.Output("logits", F32, 3);
        foreach (string output in outputs[1..])
            graph.Output(output, F32, 4);
        return graph;
    }

    private OnnxGraphWriter Branch(OnnxGraphWriter outer, bool cached)
    {
        OnnxGraphWriter graph = outer.Branch(cached ? "then" : "else");
        T5Blocks blocks = new(graph, sizes, name => Weights(outer, name));
        string past = cached ? blocks.Size("past_key_values.0.decoder.key", 2) : graph.Whole(0);
        string x = blocks.Embed("decoder/embed", "input_ids");
        string bias = blocks.Bias("decoder", past, blocks.Size("input_ids", 1), bothWays: false), mask = blocks.Mask("encoder_attention_mask", FarAway);
        // With a cache the published files give an empty tensor here, and who calls keeps the first one.
        string nothing = outer.Tensor("nothing", F32, [0, 1, 1, 1], []);
        List<(string Value, string Name)> present = [];
        for (int i = 0; i < sizes.Layers; i++)
        {
            (x, string key, string value) = blocks.SelfAttention($"decoder/{i}", x, bias, cached ? $"past_key_values.{i}.decoder" : null);
            (x, string crossKey, string crossValue) = blocks.CrossAttention($"decoder/{i}", x, mask, cached ? $"past_key_values.{i}.encoder" : null);
            x = blocks.FeedForward($"decoder/{i}", x);
            present.AddRange([(key, $"{i}.decoder.key"), (value, $"{i}.decoder.value"), (cached ? nothing : crossKey, $"{i}.encoder.key"), (cached ? nothing : crossValue, $"{i}.encoder.value")]);
        }
        // The names of a branch's outputs are its own: the If gives them the outer ones.
        graph.Rename(blocks.Product("lm_head", blocks.Norm("decoder/final", x)), graph.Own("logits"), F32, 3);
        foreach ((string value, string name) in present)
            graph.Rename(value, graph.Own(name), F32, 4);
        return graph;
    }

    // A weight's shape follows from the end of its name. Both branches ask for each; the second time it is there.
    private string Weights(OnnxGraphWriter graph, string name)
    {
        if (graph.Has(name + "_quantized") || graph.Has(name))
            return name;
        string kind = name[(name.LastIndexOf('/') + 1)..];
        if (kind is "norm" or "final")
            return graph.Floats(name, [sizes.Hidden], [.. Enumerable.Repeat(1f, sizes.Hidden)]);
        if (kind == "bias")
            return graph.Floats(name, [Buckets, sizes.Heads], [.. Enumerable.Range(0, Buckets * sizes.Heads).Select(_ => _random.NextSingle() - 0.5f)]);
        (int rows, int columns) = kind switch
        {
            "embed" => (sizes.Vocabulary, sizes.Hidden),
            "lm_head" => (sizes.Hidden, sizes.Vocabulary),
            "o" => (sizes.Inner, sizes.Hidden),
            "wo" => (sizes.FeedForward, sizes.Hidden),
            "wi_0" or "wi_1" => (sizes.Hidden, sizes.FeedForward),
            _ => (sizes.Hidden, sizes.Inner),
        };
        byte[] numbers = new byte[rows * columns];
        _random.NextBytes(numbers);
        int scales = kind == "embed" ? 1 : columns;
        graph.Tensor(name + "_quantized", I8, [rows, columns], numbers);
        graph.Floats(name + "_scale", kind == "embed" ? [] : [scales], [.. Enumerable.Repeat(kind == "embed" ? 0.01f : 1 / (74 * MathF.Sqrt(rows)), scales)]);
        graph.Tensor(name + "_zero_point", I8, kind == "embed" ? [] : [scales], new byte[scales]);
        return name;
    }
}
