using System.Text.Json.Nodes;
using LlmService.Inference.Architectures;
using LlmService.Inference.Execution;

namespace LlmService.Inference.Tests.Architectures;

/// <summary>Switches that the reference data does not have, against the formulas of the papers and of the reference implementation.</summary>
public sealed class SwitchTests
{
    private static readonly int[] Ids = [3, 14, 15, 9, 26, 5, 3];

    [Fact]
    public void Phi_QkLayernorm_NormsEachHead()
    {
        using RandomModel model = Random("""
            {"model_type":"phi","vocab_size":29,"hidden_size":20,"intermediate_size":23,"num_hidden_layers":1,"num_attention_heads":2,"partial_rotary_factor":0.4,"qk_layernorm":true}
            """);
        PlainModel plain = new(model);
        const string Layer = "model.layers.0.";

        double[][] state = plain.Embed("model.embed_tokens", Ids, 20), normed = plain.LayerNorm($"{Layer}input_layernorm", state, 1e-5);
        double[][] Heads(string name) => PlainModel.EachHead(plain.Linear($"{Layer}self_attn.{name}_proj", normed), 2,
            (head, position) => PlainModel.Turn(plain.LayerNorm($"{Layer}self_attn.{name}_layernorm", head, 1e-5), position, 4));
        double[][] attended = PlainModel.Attend(Heads("q"), Heads("k"), plain.Linear($"{Layer}self_attn.v_proj", normed), 2, (_, q, k, product) => product / Math.Sqrt(10) + PlainModel.Causal(q, k));
        double[][] inner = PlainModel.Map(plain.Linear($"{Layer}mlp.fc1", normed), PlainModel.GeluTanh);
        state = PlainModel.Add(state, PlainModel.Add(plain.Linear($"{Layer}self_attn.dense", attended), plain.Linear($"{Layer}mlp.fc2", inner)));

        AssertLogits(plain.Linear("lm_head", plain.LayerNorm("model.final_layernorm", state, 1e-5)), model);
    }

    [Fact]
    public void GptNeoX_OddRotaryPart_TurnsTheNumberBehindItToo()
    {
        // A half of 6 numbers are 3, in which exponents are counted, and which turn as two pairs.
        using RandomModel model = Random("""
            {"model_type":"gpt_neox","vocab_size":29,"hidden_size":18,"intermediate_size":23,"num_hidden_layers":1,"num_attention_heads":3,"rotary_pct":0.5,"rotary_emb_base":10000,"rope_theta":7,
             "hidden_act":"gelu_new"}
            """);
        PlainModel plain = new(model);
        const string Layer = "gpt_neox.layers.0.";

        double[][] state = plain.Embed("gpt_neox.embed_in", Ids, 18);
        double[][] fused = plain.Linear($"{Layer}attention.query_key_value", plain.LayerNorm($"{Layer}input_layernorm", state, 1e-5));
        double[][] Third(int which) => PlainModel.EachHead(fused, 3, (head, position) => which < 2 ? PlainModel.Turn(head[(which * 6)..(which * 6 + 6)], position, 3) : head[12..]);
        double[][] attended = PlainModel.Attend(Third(0), Third(1), Third(2), 3, (_, q, k, product) => product / Math.Sqrt(6) + PlainModel.Causal(q, k));
        double[][] inner = PlainModel.Map(plain.Linear($"{Layer}mlp.dense_h_to_4h", plain.LayerNorm($"{Layer}post_attention_layernorm", state, 1e-5)), PlainModel.GeluTanh);
        state = PlainModel.Add(state, PlainModel.Add(plain.Linear($"{Layer}attention.dense", attended), plain.Linear($"{Layer}mlp.dense_4h_to_h", inner)));

        AssertLogits(plain.Linear("embed_out", plain.LayerNorm("gpt_neox.final_layer_norm", state, 1e-5)), model);
    }

    [Fact]
    public void Bloom_ResidualsOfNormedStatesAndThreeHeads_FollowTheFormula()
    {
        using RandomModel model = Random("""{"model_type":"bloom","vocab_size":29,"hidden_size":15,"n_layer":1,"n_head":3,"apply_residual_connection_post_layernorm":true}""");
        PlainModel plain = new(model);
        const string Layer = "transformer.h.0.";
        // Two heads have the slopes of two; the third has the first one of four.
        double[] slopes = [1 / 16.0, 1 / 256.0, 1 / 4.0];

        double[][] state = plain.LayerNorm("transformer.word_embeddings_layernorm", plain.Embed("transformer.word_embeddings", Ids, 15), 1e-5);
        state = plain.LayerNorm($"{Layer}input_layernorm", state, 1e-5);
        double[][] fused = plain.Linear($"{Layer}self_attention.query_key_value", state);
        double[][] Third(int which) => PlainModel.EachHead(fused, 3, (head, _) => head[(which * 5)..(which * 5 + 5)]);
        double[][] attended = PlainModel.Attend(Third(0), Third(1), Third(2), 3, (head, q, k, product) => product / Math.Sqrt(5) + slopes[head] * (k - q) + PlainModel.Causal(q, k));
        state = plain.LayerNorm($"{Layer}post_attention_layernorm", PlainModel.Add(state, plain.Linear($"{Layer}self_attention.dense", attended)), 1e-5);
        double[][] inner = PlainModel.Map(plain.Linear($"{Layer}mlp.dense_h_to_4h", state), PlainModel.GeluTanh);
        state = plain.LayerNorm("transformer.ln_f", PlainModel.Add(state, plain.Linear($"{Layer}mlp.dense_4h_to_h", inner)), 1e-5);

        AssertLogits(plain.Linear("transformer.word_embeddings", state), model);
    }

    [Fact]
    public void Mistral_ThreeQueriesToAKeyAndAWindow_FollowTheFormula()
    {
        using RandomModel model = Random("""
            {"model_type":"mistral","vocab_size":29,"hidden_size":33,"intermediate_size":23,"num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2,"head_dim":10,"sliding_window":3,
             "tie_word_embeddings":true}
            """);
        PlainModel plain = new(model);

        double[][] state = plain.Embed("model.embed_tokens", Ids, 33);
        foreach (string layer in new[] { "model.layers.0.", "model.layers.1." })
        {
            double[][] normed = plain.RmsNorm($"{layer}input_layernorm", state, 1e-6);
            double[][] Of(string name) => plain.Linear($"{layer}self_attn.{name}_proj", normed);
            double[][] keys = PlainModel.EachHead(Of("k"), 2, (head, position) => PlainModel.Turn(head, position, 10));
            double[][] attended = PlainModel.Attend(PlainModel.EachHead(Of("q"), 6, (head, position) => PlainModel.Turn(head, position, 10)), PlainModel.Repeat(keys, 2, 3), PlainModel.Repeat(Of("v"), 2, 3), 6,
                (_, q, k, product) => q - k >= 3 ? double.NegativeInfinity : product / Math.Sqrt(10) + PlainModel.Causal(q, k));
            state = PlainModel.Add(state, plain.Linear($"{layer}self_attn.o_proj", attended));
            normed = plain.RmsNorm($"{layer}post_attention_layernorm", state, 1e-6);
            double[][] gate = PlainModel.Map(plain.Linear($"{layer}mlp.gate_proj", normed), PlainModel.Silu);
            state = PlainModel.Add(state, plain.Linear($"{layer}mlp.down_proj", PlainModel.Multiply(gate, plain.Linear($"{layer}mlp.up_proj", normed))));
        }

        AssertLogits(plain.Linear("model.embed_tokens", plain.RmsNorm("model.norm", state, 1e-6)), model);
    }

    [Fact]
    public void Glm_OddRotaryPartOfNeighboursAndOneKey_FollowTheFormula()
    {
        // A half of 10 numbers are 5: three pairs of neighbours.
        using RandomModel model = Random("""
            {"model_type":"glm","vocab_size":29,"hidden_size":21,"intermediate_size":23,"num_hidden_layers":1,"num_attention_heads":3,"num_key_value_heads":1,"head_dim":10,"attention_bias":true}
            """);
        PlainModel plain = new(model);
        const string Layer = "model.layers.0.";

        double[][] state = plain.Embed("model.embed_tokens", Ids, 21), normed = plain.RmsNorm($"{Layer}input_layernorm", state, 1.5625e-7);
        double[][] Of(string name) => plain.Linear($"{Layer}self_attn.{name}_proj", normed);
        double[] Turned(double[] head, int position) => PlainModel.TurnNeighbours(head, position, 5);
        double[][] attended = PlainModel.Attend(PlainModel.EachHead(Of("q"), 3, Turned), PlainModel.Repeat(PlainModel.EachHead(Of("k"), 1, Turned), 1, 3), PlainModel.Repeat(Of("v"), 1, 3), 3,
            (_, q, k, product) => product / Math.Sqrt(10) + PlainModel.Causal(q, k));
        state = PlainModel.Add(state, plain.Linear($"{Layer}self_attn.o_proj", attended));
        double[][] fused = plain.Linear($"{Layer}mlp.gate_up_proj", plain.RmsNorm($"{Layer}post_attention_layernorm", state, 1.5625e-7));
        double[][] inner = PlainModel.Multiply(PlainModel.Map([.. fused.Select(row => row[..23])], PlainModel.Silu), [.. fused.Select(row => row[23..])]);
        state = PlainModel.Add(state, plain.Linear($"{Layer}mlp.down_proj", inner));

        AssertLogits(plain.Linear("lm_head", plain.RmsNorm("model.norm", state, 1.5625e-7)), model);
    }

    [Fact]
    public void Cohere_NormsOfEachHead_HaveWeightsOfTheirOwn()
    {
        using RandomModel model = Random("""
            {"model_type":"cohere","vocab_size":29,"hidden_size":36,"intermediate_size":23,"num_hidden_layers":1,"num_attention_heads":6,"num_key_value_heads":3,"use_qk_norm":true,"logit_scale":0.5}
            """);
        PlainModel plain = new(model);
        const string Layer = "model.layers.0.";
        double[][] Normed(string name, double[][] rows, int heads)
        {
            float[] weights = model[$"{name}.weight"];
            int size = weights.Length / heads;
            return [.. rows.Select(row => Enumerable.Range(0, heads).SelectMany(head =>
            {
                double[] part = PlainModel.Part(row, head, heads);
                double mean = part.Average(), spread = Math.Sqrt(part.Average(value => (value - mean) * (value - mean)) + 1e-5);
                return part.Select((value, i) => (value - mean) / spread * weights[head * size + i]);
            }).ToArray())];
        }

        double[][] state = plain.Embed("model.embed_tokens", Ids, 36), normed = Normed($"{Layer}input_layernorm", state, 1);
        double[][] Heads(string name, int heads) => PlainModel.EachHead(Normed($"{Layer}self_attn.{name}_norm", plain.Linear($"{Layer}self_attn.{name}_proj", normed), heads), heads,
            (head, position) => PlainModel.TurnNeighbours(head, position, 6));
        double[][] attended = PlainModel.Attend(Heads("q", 6), PlainModel.Repeat(Heads("k", 3), 3, 2), PlainModel.Repeat(plain.Linear($"{Layer}self_attn.v_proj", normed), 3, 2), 6,
            (_, q, k, product) => product / Math.Sqrt(6) + PlainModel.Causal(q, k));
        double[][] inner = PlainModel.Multiply(PlainModel.Map(plain.Linear($"{Layer}mlp.gate_proj", normed), PlainModel.Silu), plain.Linear($"{Layer}mlp.up_proj", normed));
        state = PlainModel.Add(state, PlainModel.Add(plain.Linear($"{Layer}self_attn.o_proj", attended), plain.Linear($"{Layer}mlp.down_proj", inner)));

        AssertLogits(PlainModel.Map(plain.Linear("model.embed_tokens", Normed("model.norm", state, 1)), logit => logit / 2), model);
    }

    [Fact]
    public void Lfm2_ConvBias_IsAddedInAllThreePlaces()
    {
        using RandomModel model = Random("""
            {"model_type":"lfm2","vocab_size":29,"hidden_size":10,"intermediate_size":31,"num_hidden_layers":1,"num_attention_heads":1,"num_key_value_heads":1,"layer_types":["conv"],"conv_bias":true,
             "conv_L_cache":4,"block_ffn_dim_multiplier":null}
            """);
        PlainModel plain = new(model);
        const string Layer = "model.layers.0.";
        float[] kernel = model[$"{Layer}conv.conv.weight"], bias = model[$"{Layer}conv.conv.bias"];

        double[][] state = plain.Embed("model.embed_tokens", Ids, 10), mixed = plain.Linear($"{Layer}conv.in_proj", plain.RmsNorm($"{Layer}operator_norm", state, 1e-5));
        double[][] Third(int which) => [.. mixed.Select(row => PlainModel.Part(row, which, 3))];
        double[][] input = PlainModel.Multiply(Third(0), Third(2));
        double[][] sums = [.. Ids.Select((_, at) => Enumerable.Range(0, 10).Select(channel =>
            bias[channel] + Enumerable.Range(0, 4).Sum(i => at - 3 + i < 0 ? 0 : kernel[channel * 4 + i] * input[at - 3 + i][channel])).ToArray())];
        state = PlainModel.Add(state, plain.Linear($"{Layer}conv.out_proj", PlainModel.Multiply(Third(1), sums)));
        double[][] normed = plain.RmsNorm($"{Layer}ffn_norm", state, 1e-5), gate = PlainModel.Map(plain.Linear($"{Layer}feed_forward.w1", normed), PlainModel.Silu);
        // Two thirds of 31 without a factor: 20, and no multiple.
        Assert.Equal(20, gate[0].Length);
        state = PlainModel.Add(state, plain.Linear($"{Layer}feed_forward.w2", PlainModel.Multiply(gate, plain.Linear($"{Layer}feed_forward.w3", normed))));

        AssertLogits(plain.Linear("model.embed_tokens", plain.RmsNorm("model.embedding_norm", state, 1e-5)), model);
    }

    [Fact]
    public void DeepSeekV3_ValuesLongerThanKeys_AreTakenWhole()
    {
        using RandomModel model = Random("""
            {"model_type":"deepseek_v3","vocab_size":29,"hidden_size":17,"intermediate_size":23,"num_hidden_layers":1,"num_attention_heads":3,"first_k_dense_replace":1,"q_lora_rank":null,
             "kv_lora_rank":9,"qk_nope_head_dim":5,"qk_rope_head_dim":4,"v_head_dim":14,"rope_interleave":false,"head_dim":4}
            """);
        PlainModel plain = new(model);
        const string Layer = "model.layers.0.", Attention = $"{Layer}self_attn.";

        double[][] state = plain.Embed("model.embed_tokens", Ids, 17), normed = plain.RmsNorm($"{Layer}input_layernorm", state, 1e-6);
        double[][] queries = PlainModel.EachHead(plain.Linear($"{Attention}q_proj", normed), 3, (head, position) => PlainModel.Turn(head, position, 4, first: 5));
        double[][] small = plain.Linear($"{Attention}kv_a_proj_with_mqa", normed);
        double[][] wide = plain.Linear($"{Attention}kv_b_proj", plain.RmsNorm($"{Attention}kv_a_layernorm", [.. small.Select(row => row[..9])], 1e-6));
        double[][] keys = PlainModel.EachHead(wide, 3, (head, position) => [.. head[..5], .. PlainModel.Turn(small[position][9..], position, 4)]);
        double[][] attended = PlainModel.Attend(queries, keys, PlainModel.EachHead(wide, 3, (head, _) => head[5..]), 3, (_, q, k, product) => product / 3 + PlainModel.Causal(q, k));
        state = PlainModel.Add(state, plain.Linear($"{Attention}o_proj", attended));
        normed = plain.RmsNorm($"{Layer}post_attention_layernorm", state, 1e-6);
        double[][] gate = PlainModel.Map(plain.Linear($"{Layer}mlp.gate_proj", normed), PlainModel.Silu);
        state = PlainModel.Add(state, plain.Linear($"{Layer}mlp.down_proj", PlainModel.Multiply(gate, plain.Linear($"{Layer}mlp.up_proj", normed))));

        AssertLogits(plain.Linear("lm_head", plain.RmsNorm("model.norm", state, 1e-6)), model);
    }

    [Fact]
    public void Albert_GroupsOfTwoLayers_RunOneAfterTheOther()
    {
        using RandomModel model = Random("""
            {"model_type":"albert","vocab_size":29,"embedding_size":7,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":3,"num_hidden_groups":2,"inner_group_num":2,"num_attention_heads":2,
             "max_position_embeddings":16}
            """);
        PlainModel plain = new(model);

        double[][] words = plain.Embed("embeddings.word_embeddings", Ids, 7), positions = plain.Embed("embeddings.position_embeddings", Enumerable.Range(0, Ids.Length), 7);
        double[][] types = plain.Embed("embeddings.token_type_embeddings", Ids.Select(_ => 0), 7);
        double[][] state = plain.Linear("encoder.embedding_hidden_mapping_in", plain.LayerNorm("embeddings.LayerNorm", PlainModel.Add(PlainModel.Add(words, positions), types), 1e-12));
        // Three turns of two groups: the first, the first, the second.
        foreach (string layer in new[] { 0, 0, 1 }.SelectMany(group => new[] { 0, 1 }.Select(inner => $"encoder.albert_layer_groups.{group}.albert_layers.{inner}.")))
        {
            double[][] Of(string name) => plain.Linear($"{layer}attention.{name}", state);
            double[][] attended = PlainModel.Attend(Of("query"), Of("key"), Of("value"), 2, (_, _, _, product) => product / Math.Sqrt(6));
            state = plain.LayerNorm($"{layer}attention.LayerNorm", PlainModel.Add(state, plain.Linear($"{layer}attention.dense", attended)), 1e-12);
            double[][] inner = PlainModel.Map(plain.Linear($"{layer}ffn", state), PlainModel.GeluTanh);
            state = plain.LayerNorm($"{layer}full_layer_layer_norm", PlainModel.Add(state, plain.Linear($"{layer}ffn_output", inner)), 1e-12);
        }

        AssertStates(state, model);
    }

    [Fact]
    public void Deberta_ProjectionsOfDistancesAndPositionsInTheEmbeddings_FollowTheFormula()
    {
        using RandomModel model = Random("""
            {"model_type":"deberta-v2","vocab_size":29,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":16,"max_relative_positions":4,
             "relative_attention":true,"pos_att_type":["c2p","p2c"],"hidden_act":"gelu_new"}
            """);
        PlainModel plain = new(model);
        const string Layer = "encoder.layer.0.";

        double[][] state = plain.LayerNorm("embeddings.LayerNorm",
            PlainModel.Add(plain.Embed("embeddings.word_embeddings", Ids, 12), plain.Embed("embeddings.position_embeddings", Enumerable.Range(0, Ids.Length), 12)), 1e-7);
        double[][] Of(string name, double[][] input) => plain.Linear($"{Layer}attention.self.{name}_proj", input);
        double[][] distances = plain.Embed("encoder.rel_embeddings", Enumerable.Range(0, 8), 12), queries = Of("query", state), keys = Of("key", state);
        double[][] positionKeys = Of("pos_key", distances), positionQueries = Of("pos_query", distances);
        double Product(double[] a, double[] b, int head) => PlainModel.Part(a, head, 2).Zip(PlainModel.Part(b, head, 2), (x, y) => x * y).Sum();
        double[][] attended = PlainModel.Attend(queries, keys, Of("value", state), 2, (head, q, k, product) =>
        {
            int row = Math.Clamp(q - k + 4, 0, 7);
            return (product + Product(queries[q], positionKeys[row], head) + Product(keys[k], positionQueries[row], head)) / Math.Sqrt(3 * 6);
        });
        state = plain.LayerNorm($"{Layer}attention.output.LayerNorm", PlainModel.Add(state, plain.Linear($"{Layer}attention.output.dense", attended)), 1e-7);
        double[][] inner = PlainModel.Map(plain.Linear($"{Layer}intermediate.dense", state), PlainModel.GeluTanh);
        state = plain.LayerNorm($"{Layer}output.LayerNorm", PlainModel.Add(state, plain.Linear($"{Layer}output.dense", inner)), 1e-7);

        AssertStates(state, model);
    }

    [Theory]
    [InlineData("relative_key")]
    [InlineData("relative_key_query")]
    public void Bert_RelativePositions_AreScoredByDistance(string kind)
    {
        using RandomModel model = Random($$"""
            {"model_type":"bert","vocab_size":29,"hidden_size":12,"intermediate_size":17,"num_hidden_layers":1,"num_attention_heads":2,"max_position_embeddings":9,"hidden_act":"gelu_new",
             "position_embedding_type":"{{kind}}"}
            """);
        PlainModel plain = new(model);
        const string Layer = "encoder.layer.0.";

        double[][] state = plain.LayerNorm("embeddings.LayerNorm", PlainModel.Add(plain.Embed("embeddings.word_embeddings", Ids, 12), plain.Embed("embeddings.token_type_embeddings", Ids.Select(_ => 0), 12)), 1e-12);
        double[][] Of(string name) => plain.Linear($"{Layer}attention.self.{name}", state);
        double[][] queries = Of("query"), keys = Of("key"), distances = plain.Embed($"{Layer}attention.self.distance_embedding", Enumerable.Range(0, 17), 6);
        double Product(double[] row, int head, int distance) => PlainModel.Part(row, head, 2).Zip(distances[distance + 8], (x, y) => x * y).Sum();
        double[][] attended = PlainModel.Attend(queries, keys, Of("value"), 2, (head, q, k, product) =>
            (product + Product(queries[q], head, q - k) + (kind == "relative_key" ? 0 : Product(keys[k], head, q - k))) / Math.Sqrt(6));
        state = plain.LayerNorm($"{Layer}attention.output.LayerNorm", PlainModel.Add(state, plain.Linear($"{Layer}attention.output.dense", attended)), 1e-12);
        double[][] inner = PlainModel.Map(plain.Linear($"{Layer}intermediate.dense", state), PlainModel.GeluTanh);
        state = plain.LayerNorm($"{Layer}output.LayerNorm", PlainModel.Add(state, plain.Linear($"{Layer}output.dense", inner)), 1e-12);

        AssertStates(state, model);
    }

    [Fact]
    public void Bart_UntiedHead_IsTheOneThatIsStored()
    {
        const string Sizes = """
            "model_type":"bart","vocab_size":29,"d_model":12,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":2,"decoder_attention_heads":3,"encoder_ffn_dim":15,"decoder_ffn_dim":17,
            "max_position_embeddings":16,"bos_token_id":4
            """;
        static void Double(Dictionary<string, float[]> tensors)
        {
            float[] table = tensors["model.shared.weight"];
            tensors["lm_head.weight"] = [.. table.Select(value => 2 * value)];
            tensors["final_logits_bias"] = new float[29];
        }
        using RandomModel tied = new(JsonNode.Parse($"{{{Sizes}}}")!.AsObject(), 1, Double), own = new(JsonNode.Parse($$"""{{{Sizes}},"tie_word_embeddings":false}""")!.AsObject(), 1, tensors =>
        {
            foreach (string name in tensors.Keys.Where(name => name != "lm_head.weight").ToArray())
                tensors[name] = tied[name];
            Double(tensors);
        });
        using ModelRunner first = tied.Open(), second = own.Open();

        Assert.Equal(4, second.Model.DecoderStartTokenId);
        Assert.Equal(RandomModel.Logits(first, Ids).Select(logit => 2 * logit), RandomModel.Logits(second, Ids));
    }

    private static RandomModel Random(string config) => new(JsonNode.Parse(config)!.AsObject(), 1);

    private static void AssertLogits(double[][] expected, RandomModel model)
    {
        using ModelRunner runner = model.Open();
        PlainModel.AssertClose(expected, RandomModel.Logits(runner, Ids));
    }

    private static void AssertStates(double[][] expected, RandomModel model)
    {
        using TextEncoder encoder = model.OpenEncoder();
        PlainModel.AssertClose(expected, encoder.Encode([Ids]).Span);
    }
}
