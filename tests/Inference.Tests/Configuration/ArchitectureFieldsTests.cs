using System.Text.Json.Nodes;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Tests.Configuration;

/// <summary>Fields of single architectures: what each takes where a field is absent, null, or goes by another name.</summary>
public sealed class ArchitectureFieldsTests : IDisposable
{
    // Types that have more key/value heads, where nothing is said, than the small configuration has heads.
    private static readonly string[] ManyKeyValueHeads = ["mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "gemma", "gpt_oss", "lfm2"];

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mistral", """{"num_key_value_heads":null}""", 4)]
    [InlineData("qwen2", """{"num_key_value_heads":null}""", 4)]
    [InlineData("starcoder2", "{}", 2)]
    [InlineData("glm", "{}", 2)]
    [InlineData("llama", "{}", 4)]
    [InlineData("falcon", """{"num_kv_heads":2,"new_decoder_architecture":true}""", 2)]
    [InlineData("falcon", """{"num_kv_heads":2,"multi_query":false}""", 4)]
    [InlineData("falcon", """{"num_kv_heads":2}""", 1)]
    public void Load_KeyValueHeads_NullIsAsManyAsQueriesAndAbsentTheDefault(string type, string fields, int expected) =>
        Assert.Equal(expected, Decoder(type, fields).KeyValueHeadCount);

    [Theory]
    [InlineData("qwen2", """{"use_sliding_window":true,"max_window_layers":1}""", 0, 4096)]
    [InlineData("qwen2", """{"use_sliding_window":true,"max_window_layers":0,"sliding_window":null}""", 0, 0)]
    [InlineData("qwen3", """{"use_sliding_window":true,"max_window_layers":0}""", 4096, 4096)]
    [InlineData("qwen2_moe", """{"use_sliding_window":true,"sliding_window":4}""", 4, 4)]
    [InlineData("qwen2_moe", """{"sliding_window":4}""", 0, 0)]
    [InlineData("qwen3_moe", """{"use_sliding_window":true,"sliding_window":4}""", 4, 4)]
    [InlineData("gemma2", "{}", 4096, 0)]
    [InlineData("gemma2", """{"sliding_window":4}""", 4, 0)]
    [InlineData("gemma3_text", """{"sliding_window":4,"sliding_window_pattern":2}""", 4, 0)]
    [InlineData("gpt_oss", "{}", 128, 0)]
    [InlineData("cohere2", """{"sliding_window":4,"sliding_window_pattern":2}""", 4, 0)]
    [InlineData("exaone4", """{"sliding_window_pattern":2}""", 4096, 0)]
    [InlineData("exaone4", """{"sliding_window":null}""", 0, 0)]
    [InlineData("smollm3", """{"sliding_window":4,"use_sliding_window":true,"no_rope_layers":[1,0]}""", 0, 4)]
    [InlineData("smollm3", """{"sliding_window":4,"no_rope_layers":[1,0]}""", 0, 0)]
    [InlineData("phi3", """{"sliding_window":4}""", 4, 4)]
    [InlineData("gpt_neo", """{"window_size":4}""", 0, 4)]
    [InlineData("gpt_neo", """{"window_size":4,"attention_types":[[["local"],2]]}""", 4, 4)]
    public void Load_Windows_FollowTheRuleOfTheArchitecture(string type, string fields, params int[] windows) =>
        Assert.Equal(windows, Decoder(type, fields).Windows);

    [Theory]
    [InlineData("cohere2", """{"sliding_window":4,"sliding_window_pattern":2}""", true, false)]
    [InlineData("exaone4", """{"sliding_window_pattern":2}""", true, false)]
    [InlineData("exaone4", """{"sliding_window":null}""", true, true)]
    [InlineData("smollm3", """{"no_rope_layer_interval":2}""", true, false)]
    [InlineData("gpt2", "{}", false, false)]
    [InlineData("opt", "{}", false, false)]
    [InlineData("falcon", """{"alibi":true}""", false, false)]
    [InlineData("falcon", "{}", true, true)]
    public void Load_Rotation_OnlyWhereTheArchitectureTurns(string type, string fields, params bool[] turns) =>
        Assert.Equal(turns, Decoder(type, fields).Rotary.Select(rotary => rotary is not null));

    [Theory]
    [InlineData("gemma", """{"hidden_act":"gelu","hidden_activation":"gelu_pytorch_tanh"}""", nameof(Activation.Gelu))]
    [InlineData("gemma", """{"hidden_activation":"gelu"}""", nameof(Activation.Gelu))]
    [InlineData("gemma", "{}", nameof(Activation.GeluTanh))]
    [InlineData("gemma2", """{"hidden_act":"gelu"}""", nameof(Activation.GeluTanh))]
    [InlineData("gemma2", """{"hidden_activation":"relu"}""", nameof(Activation.Relu))]
    [InlineData("gpt2", "{}", nameof(Activation.GeluTanh))]
    [InlineData("gpt2", """{"activation_function":"relu"}""", nameof(Activation.Relu))]
    [InlineData("opt", "{}", nameof(Activation.Relu))]
    [InlineData("falcon", """{"activation":"relu"}""", nameof(Activation.Relu))]
    [InlineData("nemotron", "{}", nameof(Activation.ReluSquared))]
    [InlineData("phi", "{}", nameof(Activation.GeluTanh))]
    public void Load_Activation_IsTheOneOfTheArchitecture(string type, string fields, string expected) =>
        Assert.Equal(expected, Decoder(type, fields).Activation.ToString());

    [Theory]
    [InlineData("gpt2", 5)]
    [InlineData("gpt_bigcode", 5)]
    [InlineData("gpt_neo", 5)]
    [InlineData("opt", 5)]
    [InlineData("bloom", 5)]
    [InlineData("mpt", 5)]
    [InlineData("gptj", 5)]
    [InlineData("gpt_neox", 5)]
    public void Load_OddHeads_RunWhereWholeHeadsDoNotTurn(string type, int size) =>
        Assert.Equal(size, Decoder(type, $$"""{"hidden_size":{{4 * size}},"rotary_dim":4}""").HeadSize);

    [Theory]
    [InlineData("llama", """{"hidden_size":20}""")]
    [InlineData("falcon", """{"hidden_size":20}""")]
    [InlineData("stablelm", """{"hidden_size":20,"partial_rotary_factor":1}""")]
    public void Load_OddHeadsThatTurn_AreRefusedByName(string type, string fields)
    {
        InferenceException exception = Assert.Throws<InferenceException>(() => Decoder(type, fields));

        Assert.Equal((InferenceFailure.CorruptModel, "head_dim"), (exception.Failure, exception.Field));
    }

    [Theory]
    [InlineData("gpt_neox", """{"rotary_pct":0.5,"partial_rotary_factor":0.25}""", 8, 10000)]
    [InlineData("gpt_neox", """{"partial_rotary_factor":0.75,"rotary_emb_base":50,"rope_theta":60}""", 12, 50)]
    [InlineData("gpt_neox", """{"rope_parameters":{"rope_theta":70,"partial_rotary_factor":0.5}}""", 8, 70)]
    [InlineData("gpt_neox", """{"rope_theta":60}""", 4, 60)]
    [InlineData("glm", """{"head_dim":10}""", 5, 10000)]
    [InlineData("stablelm", "{}", 4, 10000)]
    [InlineData("phi", """{"partial_rotary_factor":0.4,"head_dim":80}""", 32, 10000)]
    [InlineData("nemotron", """{"head_dim":100,"partial_rotary_factor":0.29}""", 28, 10000)]
    [InlineData("lfm2", """{"theta":50,"rope_theta":60}""", null, 50)]
    [InlineData("lfm2", "{}", null, 1e6)]
    public void Load_RotatingPartAndBase_AreFoundUnderEveryName(string type, string fields, int? dimensions, double theta)
    {
        RotaryConfiguration rotary = Decoder(type, fields).Rotary[0]!;

        Assert.Equal((dimensions, (float)theta), (rotary.Dimensions, rotary.Theta));
    }

    [Theory]
    [InlineData("{}", 32, 4096)]
    [InlineData("""{"rope_scaling":null}""", null, null)]
    [InlineData("""{"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":64}}""", 4, 64)]
    public void Load_GptOss_IsStretchedWhereTheFileIsSilent(string fields, int? factor, int? original)
    {
        YarnScaling? yarn = Decoder("gpt_oss", fields).Rotary[1]!.Scaling as YarnScaling;

        Assert.Equal((factor, original), ((int?)yarn?.Factor, yarn?.OriginalContext));
    }

    [Fact]
    public void Load_GptOssLimit_IsReadAndAnotherSlopeRefused()
    {
        Assert.Equal(7, Decoder("gpt_oss", "{}").Experts!.ClampLimit);
        Assert.Equal(3, Decoder("gpt_oss", """{"swiglu_limit":3}""").Experts!.ClampLimit);
        Assert.Equal("swiglu_alpha", Assert.Throws<InferenceException>(() => Decoder("gpt_oss", """{"swiglu_alpha":2}""")).Field);
    }

    [Theory]
    [InlineData("longrope", "{}", 4096)]
    [InlineData("su", """{"original_max_position_embeddings":64}""", 64)]
    [InlineData("yarn", """{"original_max_position_embeddings":64}""", 64)]
    public void Load_Phi3_KnowsLongRopeByItsFirstNamesAndTheContextOfItsTraining(string kind, string fields, int original)
    {
        JsonObject config = JsonNode.Parse(fields)!.AsObject();
        config["max_position_embeddings"] = 8192;
        config["rope_scaling"] = JsonNode.Parse($$"""{"type":"{{kind}}","short_factor":[1,1,1,1,1,1,1,1],"long_factor":[1,1,1,1,2,2,2,2]}""");

        LongRopeScaling scaling = Assert.IsType<LongRopeScaling>(Load("phi3", config).Decoder!.Rotary[0]!.Scaling);

        Assert.Equal(original, scaling.OriginalContext);
        Assert.Equal(Math.Sqrt(1 + Math.Log(8192.0 / original) / Math.Log(original)), scaling.AttentionFactor, 6);
    }

    [Theory]
    [InlineData("""{"block_ff_dim":30}""", 256)]
    [InlineData("""{"block_ff_dim":30,"block_multiple_of":7}""", 21)]
    [InlineData("""{"intermediate_size":31,"block_ffn_dim_multiplier":null}""", 20)]
    [InlineData("""{"intermediate_size":150,"block_ffn_dim_multiplier":0.29,"block_multiple_of":1}""", 28)]
    [InlineData("""{"intermediate_size":31,"block_auto_adjust_ff_dim":false}""", 31)]
    public void Load_Lfm2Width_IsAdjustedAsTheReferenceDoes(string fields, int expected) => Assert.Equal(expected, Decoder("lfm2", fields).IntermediateSize);

    [Fact]
    public void Load_DeepSeekHeads_AreMadeOfTheirParts()
    {
        DecoderConfiguration model = Decoder("deepseek_v3", """{"hidden_size":30,"qk_nope_head_dim":7,"qk_rope_head_dim":4,"v_head_dim":9,"head_dim":4,"n_group":1,"topk_group":1}""");
        Assert.Equal((11, 11), (model.HeadSize, model.Latent!.KeySize));
        Assert.Equal(20, Decoder("deepseek_v3", """{"qk_nope_head_dim":7,"qk_rope_head_dim":4,"v_head_dim":20,"n_group":1,"topk_group":1}""").HeadSize);
    }

    [Theory]
    [InlineData("bert", "relative_key", true)]
    [InlineData("electra", "relative_key_query", true)]
    [InlineData("bert", "rotary", false)]
    [InlineData("distilbert", "relative_key", false)]
    public void Load_PositionKind_IsKnownOrRefusedByName(string type, string kind, bool runs)
    {
        string fields = $$"""{"position_embedding_type":"{{kind}}"}""";
        if (runs)
            Assert.Equal(DistanceRows.OfHeads, Encoder(type, fields).Disentangled!.Rows);
        else
            Assert.Equal("position_embedding_type", Assert.Throws<InferenceException>(() => Encoder(type, fields)).Field);
    }

    [Fact]
    public void Load_MoreExpertsForATokenThanThereAre_IsRefusedByName() =>
        Assert.Equal("num_experts_per_tok", Assert.Throws<InferenceException>(() => Decoder("mixtral", """{"num_key_value_heads":4,"num_local_experts":2,"num_experts_per_tok":3}""")).Field);

    [Fact]
    public void Load_Gemma3Scores_AreNotCapped()
    {
        DecoderConfiguration model = Decoder("gemma3_text", """{"attn_logit_softcapping":3,"final_logit_softcapping":2}""");

        Assert.Equal((0, 2), (model.ScoreCap, model.LogitCap));
    }

    [Theory]
    [InlineData("n_embed", "n_head", "n_layer")]
    [InlineData("hidden_size", "num_attention_heads", "num_hidden_layers")]
    public void Load_Bloom_KnowsItsSizesByBothNames(string width, string heads, string layers)
    {
        _folder.Write("config.json", $$"""{"model_type":"bloom","vocab_size":32,"{{width}}":24,"{{heads}}":3,"{{layers}}":2}""");

        DecoderConfiguration model = ModelConfiguration.Load(_folder.Folder).Decoder!;

        Assert.Equal((24, 3, 2, 96), (model.HiddenSize, model.HeadCount, model.LayerCount, model.IntermediateSize));
    }

    [Theory]
    [InlineData("bert", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("roberta", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("xlm-roberta", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("mpnet", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("distilbert", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("albert", 1e-12f, nameof(Activation.GeluTanh))]
    [InlineData("electra", 1e-12f, nameof(Activation.Gelu))]
    [InlineData("deberta-v2", 1e-7f, nameof(Activation.Gelu))]
    [InlineData("modernbert", 1e-5f, nameof(Activation.Gelu))]
    public void Load_EncoderDefaults_AreThoseOfTheReference(string type, float epsilon, string activation)
    {
        EncoderConfiguration model = Encoder(type, """{"relative_attention":true}""");

        Assert.Equal((epsilon, activation), (model.NormEpsilon, model.Activation.ToString()));
    }

    [Theory]
    [InlineData("{}", 160000, 10000)]
    [InlineData("""{"local_rope_theta":null,"global_rope_theta":50}""", 50, 50)]
    [InlineData("""{"local_rope_theta":60}""", 160000, 60)]
    [InlineData("""{"rope_parameters":{"full_attention":{"rope_theta":70},"sliding_attention":{"rope_theta":80}}}""", 70, 80)]
    public void Load_ModernBertBases_AreThoseOfTheReference(string fields, float global, float local)
    {
        ModernConfiguration modern = Encoder("modernbert", fields).Modern!;

        Assert.Equal((global, local), (modern.Rotary[0].Theta, modern.Rotary[1].Theta));
    }

    [Theory]
    [InlineData("{}", 0, 128)]
    [InlineData("""{"global_attn_every_n_layers":1,"local_attention":6}""", 0, 0)]
    [InlineData("""{"layer_types":["sliding_attention","full_attention"],"local_attention":6}""", 6, 0)]
    public void Load_ModernBertWindows_FollowTheKindsOfLayers(string fields, params int[] windows) => Assert.Equal(windows, Encoder("modernbert", fields).Modern!.Windows);

    [Fact]
    public void Load_Mpnet_CountsFromOneWhateverPaddingIs()
    {
        Assert.Equal(1, Encoder("mpnet", """{"pad_token_id":5}""").PaddingTokenId);
        Assert.Equal(5, Encoder("roberta", """{"pad_token_id":5}""").PaddingTokenId);
    }

    [Theory]
    [InlineData("""{"relative_attention":true}""", true, false)]
    [InlineData("""{"relative_attention":true,"position_biased_input":false,"share_att_key":true}""", false, true)]
    public void Load_Deberta_DefaultsAreThoseOfTheReference(string fields, bool hasPositions, bool shares)
    {
        EncoderConfiguration model = Encoder("deberta-v2", fields);

        Assert.Equal((hasPositions, shares), (model.PositionRows is not null, model.Disentangled!.Rows == DistanceRows.Shared));
    }

    [Fact]
    public void Load_DebertaWithoutDistances_IsRefusedByName() => Assert.Equal("relative_attention", Assert.Throws<InferenceException>(() => Encoder("deberta-v2", "{}")).Field);

    [Theory]
    [InlineData("t5", nameof(Activation.Relu), false)]
    [InlineData("mt5", nameof(Activation.GeluTanh), true)]
    [InlineData("umt5", nameof(Activation.GeluTanh), true)]
    public void Load_T5FeedForward_DefaultIsThatOfTheType(string type, string activation, bool gated)
    {
        T5Configuration t5 = Load(type, JsonNode.Parse("""{"d_model":8,"d_ff":16,"d_kv":4,"num_heads":2,"num_layers":2}""")!.AsObject()).T5!;

        Assert.Equal((activation, gated), (t5.Activation.ToString(), t5.Gated));
    }

    [Theory]
    [InlineData("bart", nameof(Activation.Gelu), 1f, 1024)]
    [InlineData("pegasus", nameof(Activation.Gelu), 1f, 1024)]
    [InlineData("m2m_100", nameof(Activation.Relu), 4f, 1024)]
    [InlineData("blenderbot", nameof(Activation.Gelu), 1f, 128)]
    public void Load_BartDefaults_AreThoseOfTheType(string type, string activation, float scale, int context)
    {
        BartConfiguration bart = Bart(type, """{"decoder_start_token_id":3}""");

        Assert.Equal((activation, scale, context, true), (bart.Activation.ToString(), bart.EmbeddingScale, bart.ContextLength, bart.TiedHead));
    }

    [Fact]
    public void Load_BartStart_IsThatOfTheDecoderElseOfTexts()
    {
        Assert.Equal(3, Bart("mbart", """{"decoder_start_token_id":3,"bos_token_id":4}""").DecoderStartTokenId);
        Assert.Equal(4, Bart("mbart", """{"bos_token_id":4}""").DecoderStartTokenId);
        Assert.Equal("decoder_start_token_id", Assert.Throws<InferenceException>(() => Bart("mbart", "{}")).Field);
        _folder.Write("generation_config.json", """{"decoder_start_token_id":5}""");
        Assert.Equal(5, Bart("mbart", """{"decoder_start_token_id":3,"bos_token_id":4}""").DecoderStartTokenId);
    }

    private DecoderConfiguration Decoder(string type, string fields) => Load(type, JsonNode.Parse(fields)!.AsObject()).Decoder!;

    private EncoderConfiguration Encoder(string type, string fields) => Load(type, JsonNode.Parse(fields)!.AsObject()).Encoder!;

    private BartConfiguration Bart(string type, string fields)
    {
        JsonObject config = JsonNode.Parse("""
            {"d_model":16,"encoder_layers":1,"decoder_layers":1,"encoder_attention_heads":2,"decoder_attention_heads":2,"encoder_ffn_dim":8,"decoder_ffn_dim":8}
            """)!.AsObject();
        foreach ((string name, JsonNode? value) in JsonNode.Parse(fields)!.AsObject())
            config[name] = value?.DeepClone();
        return Load(type, config).Bart!;
    }

    /// <summary>A small good configuration of four heads of 16 and two layers, with some fields replaced.</summary>
    private ModelConfiguration Load(string type, JsonObject fields)
    {
        JsonObject config = JsonNode.Parse("""{"vocab_size":32,"hidden_size":64,"intermediate_size":16,"num_hidden_layers":2,"num_attention_heads":4}""")!.AsObject();
        config["model_type"] = type;
        if (ManyKeyValueHeads.Contains(type))
            config["num_key_value_heads"] = 4;
        foreach ((string name, JsonNode? value) in fields)
            config[name] = value?.DeepClone();
        _folder.Write("config.json", config.ToJsonString());
        return ModelConfiguration.Load(_folder.Folder);
    }
}
