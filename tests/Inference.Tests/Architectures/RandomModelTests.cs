using System.Text.Json.Nodes;
using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>Every architecture in odd shapes: heads of 6, 10 or 14 numbers, one key/value head or as many as queries, widths and vocabularies that fill no tile, windows shorter than the texts.</summary>
public sealed class RandomModelTests
{
    // Two or three shapes of each type; the seed decides.
    private const int Shapes = 3;

    // Widths of heads that are no multiple of a vector.
    private static readonly int[] HeadSizes = [6, 10, 14, 20];

    // Types whose heads have a width of their own, which need not be an equal share of the model's.
    private static readonly HashSet<string> OwnHeadSize =
        ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "glm", "glm4", "nemotron", "exaone4", "ernie4_5", "seed_oss", "hunyuan_v1_dense", "mixtral", "qwen3_moe", "gpt_oss"];

    // The place of an input of the convolution depends on how many tokens are computed together, as in the reference.
    private static readonly HashSet<string> Uncut = ["lfm2"];

    public static TheoryData<string, int> Generators => [.. Cases(type => !EncoderArchitectures.All.ContainsKey(type))];

    public static TheoryData<string, int> Encoders => [.. Cases(EncoderArchitectures.All.ContainsKey)];

    [Theory]
    [MemberData(nameof(Generators))]
    public void Forward_OddShapes_BatchesChunksAndKernelsGiveTheSameBits(string type, int seed)
    {
        using RandomModel model = Make(type, seed);
        int[][] texts = Texts(model, seed);
        using ModelRunner vector = model.Open(), scalar = model.Open(kernels: KernelPath.Scalar);

        float[] singles = [.. texts.SelectMany(text => RandomModel.Logits(vector, text))];

        Assert.All(singles, logit => Assert.True(float.IsFinite(logit)));
        Assert.Equal(singles, RandomModel.Logits(vector, texts));
        Assert.Equal(singles, RandomModel.Logits(scalar, texts));
        if (!Uncut.Contains(type))
            Assert.All(new[] { 1, 4 }, chunk => Assert.Equal(singles, texts.SelectMany(text => RandomModel.Logits(vector, text, chunk))));
    }

    [Theory]
    [MemberData(nameof(Generators))]
    public void Forward_OddShapesInFewerBits_StaysNearFloats(string type, int seed)
    {
        using RandomModel model = Make(type, seed);
        int[][] texts = Texts(model, seed);
        float[] Of(ComputeFormat format, KernelPath? kernels = null)
        {
            using ModelRunner runner = model.Open(format, kernels);
            float[] together = RandomModel.Logits(runner, texts);
            Assert.Equal(together, texts.SelectMany(text => RandomModel.Logits(runner, text)));
            return together;
        }
        float[] exact = Of(ComputeFormat.F32), q8 = Of(ComputeFormat.Q8), q4 = Of(ComputeFormat.Q4);

        // Experts may be chosen otherwise where two are nearly as good.
        bool hasExperts = model.Configuration.Decoder?.Experts is not null;
        Assert.InRange(Distance(exact, Of(ComputeFormat.Bf16)), 0, hasExperts ? 0.5 : 0.1);
        // UMT5's scores are not scaled, and are large with random weights: activations of 8 bits move its softmax most.
        Assert.InRange(Distance(exact, q8), 0, hasExperts || type == "umt5" ? 0.5 : 0.25);
        Assert.InRange(Distance(exact, q4), 0, 0.9);
        Assert.Equal(q8, Of(ComputeFormat.Q8, KernelPath.Scalar));
        Assert.Equal(q4, Of(ComputeFormat.Q4, KernelPath.Scalar));
    }

    [Theory]
    [MemberData(nameof(Encoders))]
    public void Encode_OddShapes_BatchesAndKernelsGiveTheSameBits(string type, int seed)
    {
        using RandomModel model = Make(type, seed);
        int[][] texts = Texts(model, seed);
        using TextEncoder vector = model.OpenEncoder(), scalar = model.OpenEncoder(kernels: KernelPath.Scalar), q8 = model.OpenEncoder(ComputeFormat.Q8);

        float[] singles = [.. texts.SelectMany(text => vector.Encode([text]).ToArray())];

        Assert.All(singles, number => Assert.True(float.IsFinite(number)));
        Assert.Equal(singles, vector.Encode(texts).ToArray());
        Assert.Equal(singles, scalar.Encode(texts).ToArray());
        Assert.InRange(Distance(singles, q8.Encode(texts).ToArray()), 0, 0.25);
    }

    private static RandomModel Make(string type, int seed) => new(ConfigurationOf(type, seed), seed, type: new[] { "F32", "F16", "BF16" }[seed % 3]);

    private static IEnumerable<TheoryDataRow<string, int>> Cases(Func<string, bool> takes) =>
        ModelConfiguration.SupportedModelTypes.Where(takes).SelectMany(type => Enumerable.Range(1, Shapes).Select(seed => new TheoryDataRow<string, int>(type, seed)));

    /// <summary>The length of the difference, in lengths of what was expected.</summary>
    private static double Distance(float[] expected, float[] found) =>
        Math.Sqrt(expected.Zip(found, (a, b) => Math.Pow((double)a - b, 2)).Sum() / expected.Sum(a => (double)a * a));

    // One token, fewer than a window has, more than a block of the cache has.
    private static int[][] Texts(RandomModel model, int seed)
    {
        Random random = new(seed);
        return [.. new[] { 1, 3, 37, 9 }.Select(length => Enumerable.Range(0, length).Select(_ => random.Next(3, 97)).ToArray())];
    }

    /// <summary>The sizes by all the names that architectures have for them, and every switch that makes a model harder.</summary>
    private static JsonObject ConfigurationOf(string type, int seed)
    {
        Random random = new(type.Length * 31 + type[0] + seed);
        int heads = new[] { 1, 2, 3, 4, 6 }[random.Next(5)], size = HeadSizes[random.Next(HeadSizes.Length)], layers = random.Next(1, 4);
        int keyValueHeads = new[] { 1, heads, heads % 2 == 0 ? heads / 2 : 1 }[seed % 3], inner = 2 * random.Next(17, 40) + 1, vocabulary = 97 + random.Next(40);
        int hidden = OwnHeadSize.Contains(type) ? 33 + random.Next(20) : heads * size;
        JsonObject config = new()
        {
            ["model_type"] = type,
            ["vocab_size"] = vocabulary,
            ["max_position_embeddings"] = 80,
            ["n_positions"] = 80,
            ["max_seq_len"] = 80,
            ["decoder_start_token_id"] = 0,
            ["tie_word_embeddings"] = seed % 2 == 0,
            ["sliding_window"] = 5,
            ["use_sliding_window"] = true,
            ["max_window_layers"] = 1,
            ["window_size"] = 5,
            ["local_attention"] = 6,
            ["qk_layernorm"] = seed % 2 == 0,
            ["use_qk_norm"] = seed % 2 == 0,
            ["attention_bias"] = seed % 2 == 1,
            ["alibi"] = seed == 1,
            ["multi_query"] = seed == 2,
            ["new_decoder_architecture"] = seed == 3,
            ["partial_rotary_factor"] = new HashSet<string> { "phi", "phi3", "glm", "glm4", "nemotron", "stablelm", "gpt_neox" }.Contains(type) ? 0.5 : null,
            ["rotary_dim"] = 4,
            ["apply_residual_connection_post_layernorm"] = seed % 2 == 1,
            ["conv_bias"] = true,
            ["block_auto_adjust_ff_dim"] = false,
            ["layer_types"] = type == "lfm2" ? new JsonArray([.. Enumerable.Range(0, layers).Select(i => (JsonNode)(i % 2 == 0 ? "conv" : "full_attention"))]) : null,
            ["embedding_size"] = type is "albert" or "electra" ? 18 : null,
            ["num_hidden_groups"] = 1,
            ["inner_group_num"] = 2,
            ["relative_attention"] = true,
            ["pos_att_type"] = "c2p|p2c",
            ["position_buckets"] = seed == 1 ? -1 : 8,
            ["share_att_key"] = seed % 2 == 0,
            ["num_experts"] = 5,
            ["num_local_experts"] = 5,
            ["n_routed_experts"] = 6,
            ["n_group"] = 2,
            ["topk_group"] = 1,
            ["num_experts_per_tok"] = 2,
            ["moe_intermediate_size"] = 19,
            ["shared_expert_intermediate_size"] = 21,
            ["first_k_dense_replace"] = 1,
            ["q_lora_rank"] = seed == 1 ? null : 11,
            ["kv_lora_rank"] = 13,
            ["qk_nope_head_dim"] = 5,
            ["qk_rope_head_dim"] = 6,
            ["v_head_dim"] = seed == 3 ? 15 : 7,
        };
        Name(config, hidden, "hidden_size", "n_embd", "d_model", "dim");
        Name(config, heads, "num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads", "decoder_attention_heads");
        Name(config, keyValueHeads, "num_key_value_heads", "num_kv_heads");
        Name(config, layers, "num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers", "decoder_layers");
        Name(config, inner, "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "d_ff", "hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim");
        if (OwnHeadSize.Contains(type))
            config["head_dim"] = size;
        config["d_kv"] = size;
        return config;
    }

    private static void Name(JsonObject config, int value, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            config[name] = value;
    }
}
