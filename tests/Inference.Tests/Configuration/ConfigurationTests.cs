using System.Text.Json.Nodes;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Tests.Configuration;

public sealed class ConfigurationTests : IDisposable
{
    private const string FileName = "config.json";

    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_NoFile_NamesIt()
    {
        InferenceException exception = Assert.Throws<InferenceException>(Load);

        Assert.Equal(InferenceFailure.NoUsableWeights, exception.Failure);
        Assert.Equal(_folder[FileName], exception.File);
        Assert.NotNull(exception.Remedy);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"model_type\":\"\\ud800\"}")]
    [InlineData("{} {}")]
    [InlineData("{}")]
    [InlineData("{\"model_type\":3}")]
    public void Load_Damaged_NamesTheFile(string content)
    {
        _folder.Write(FileName, content);

        InferenceException exception = Assert.Throws<InferenceException>(Load);

        Assert.Equal((InferenceFailure.CorruptModel, _folder[FileName]), (exception.Failure, exception.File));
        Assert.Contains(FileName, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NotUtf8_IsDamaged()
    {
        _folder.Write(FileName, [.. "{\"model_type\":\""u8, 0xff, .. "\"}"u8]);

        Assert.Equal(InferenceFailure.CorruptModel, Assert.Throws<InferenceException>(Load).Failure);
    }

    [Fact]
    public void Load_HugeFile_IsNotRead()
    {
        using (FileStream stream = File.Create(_folder[FileName]))
            stream.SetLength(20 << 20);

        InferenceException exception = Assert.Throws<InferenceException>(Load);

        Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
        Assert.Contains("20971520", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_UnknownArchitecture_SaysWhatRunsAndThatATokenDoesNotHelp()
    {
        _folder.Write(FileName, """{"model_type":"mamba","hidden_size":8}""");

        InferenceException exception = Assert.Throws<InferenceException>(Load);

        Assert.Equal((InferenceFailure.UnsupportedModelType, "model_type"), (exception.Failure, exception.Field));
        Assert.Contains("mamba", exception.Message, StringComparison.Ordinal);
        Assert.All(ModelConfiguration.SupportedModelTypes, type => Assert.Contains(type, exception.Message, StringComparison.Ordinal));
        Assert.Contains("a token changes nothing", exception.Message, StringComparison.Ordinal);
        Assert.NotNull(exception.Remedy);
    }

    [Theory]
    [InlineData("qwen3_next", "; the nearest are qwen2, qwen3, ")]
    [InlineData("llama4", "; the nearest is llama.")]
    [InlineData("minitral", "; the nearest are mistral, mixtral.")]
    [InlineData("byt5", "; the nearest is t5.")]
    [InlineData("mamba", ". This is not")]
    [InlineData("t", ". This is not")]
    public void Load_UnknownArchitecture_NamesTheNearestThatRuns(string type, string part)
    {
        _folder.Write(FileName, $$"""{"model_type":"{{type}}"}""");

        Assert.Contains(part, Assert.Throws<InferenceException>(Load).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rope_scaling", """{"rope_type":"xpos","factor":4}""", "xpos")]
    [InlineData("rope_parameters", """{"full_attention":{"rope_type":"default"}}""", "full_attention")]
    [InlineData("rope_parameters", """{"rope_type":"default","partial_rotary_factor":0.5}""", "partial_rotary_factor")]
    [InlineData("hidden_act", "\"mish\"", "mish")]
    [InlineData("quantization_config", """{"quant_method":"gptq"}""", "gptq")]
    [InlineData("quantization_config", """{"quant_method":"awq"}""", "awq")]
    [InlineData("quantization_config", """{"quant_method":"bitsandbytes","load_in_8bit":true}""", "bitsandbytes")]
    [InlineData("quantization_config", """{"quant_method":"mxfp4"}""", "mxfp4")]
    [InlineData("quantization_config", """{}""", "?")]
    [InlineData("quantization_config", """{"quant_method":"fp8","fmt":"e5m2"}""", "fp8 e5m2")]
    [InlineData("quantization_config", """{"quant_method":"compressed-tensors","format":"int-quantized","config_groups":{"a":{"weights":{"num_bits":8,"type":"int","strategy":"channel"}}}}""", "int of 8 bits")]
    [InlineData("quantization_config", """{"quant_method":"compressed-tensors","format":"pack-quantized","config_groups":{"a":{"weights":{"num_bits":8,"type":"float","strategy":"tensor"}}}}""", "pack-quantized")]
    [InlineData("quantization_config", """{"quant_method":"compressed-tensors","config_groups":{"a":{"weights":{"num_bits":8,"type":"float","strategy":"tensor"}},"b":{"weights":{"num_bits":4,"type":"float","strategy":"group"}}}}""", "float of 4 bits")]
    [InlineData("quantization_config", """{"quant_method":"compressed-tensors","config_groups":{}}""", "in 0 ways")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor")]
    [InlineData("layer_types", """["full_attention","linear_attention"]""", "linear_attention")]
    public void Load_SettingThatIsNotBuilt_IsRefusedByName(string field, string value, string named)
    {
        InferenceException exception = Refuse("llama", field, value);

        Assert.Equal(InferenceFailure.UnsupportedModelType, exception.Failure);
        Assert.Contains(named, exception.Message, StringComparison.Ordinal);
        Assert.Contains("token changes nothing", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hidden_size", "\"8\"")]
    [InlineData("quantization_config", "\"fp8\"")]
    [InlineData("hidden_size", "-8")]
    [InlineData("hidden_size", "8.5")]
    [InlineData("hidden_size", "null")]
    [InlineData("hidden_size", "1e40")]
    [InlineData("hidden_size", "9")]
    [InlineData("vocab_size", "0")]
    [InlineData("num_hidden_layers", "1000000")]
    [InlineData("num_attention_heads", "[]")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("intermediate_size", "true")]
    [InlineData("rms_norm_eps", "\"x\"")]
    [InlineData("rms_norm_eps", "-1")]
    [InlineData("head_dim", "3")]
    [InlineData("rope_theta", "0")]
    [InlineData("rope_scaling", "3")]
    [InlineData("rope_scaling", """{"rope_type":"linear"}""")]
    [InlineData("rope_scaling", """{"rope_type":"llama3","factor":8}""")]
    [InlineData("rope_scaling", """{"rope_type":"yarn"}""")]
    [InlineData("rope_scaling", """{"rope_type":"longrope","short_factor":[1,1]}""")]
    [InlineData("rope_scaling", """[1]""")]
    [InlineData("tie_word_embeddings", "1")]
    [InlineData("hidden_act", "3")]
    [InlineData("layer_types", """["full_attention"]""")]
    [InlineData("layer_types", "[1,2]")]
    [InlineData("attention_bias", "\"yes\"")]
    [InlineData("sliding_window", "-1")]
    [InlineData("max_position_embeddings", "0")]
    public void Load_WrongValue_IsDamagedAndNamesTheField(string field, string value)
    {
        InferenceException exception = Refuse("llama", field, value);

        Assert.Equal(InferenceFailure.CorruptModel, exception.Failure);
        Assert.Contains(field, $"{exception.Field} {exception.Message}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("quant_method", """{"quant_method":3}""")]
    [InlineData("weight_block_size", """{"quant_method":"fp8","weight_block_size":[128]}""")]
    [InlineData("weight_block_size", """{"quant_method":"fp8","weight_block_size":[0,128]}""")]
    [InlineData("weight_block_size", """{"quant_method":"fp8","weight_block_size":[128,1.5]}""")]
    [InlineData("weight_block_size", """{"quant_method":"fp8","weight_block_size":128}""")]
    [InlineData("config_groups", """{"quant_method":"compressed-tensors","config_groups":{"a":1}}""")]
    public void Load_WrongQuantization_IsDamagedAndNamesTheField(string field, string value)
    {
        InferenceException exception = Refuse("llama", "quantization_config", value);

        Assert.Equal((InferenceFailure.CorruptModel, field), (exception.Failure, exception.Field));
    }

    [Theory]
    [InlineData("feed_forward_proj", "\"gated-mish\"", InferenceFailure.UnsupportedModelType)]
    [InlineData("feed_forward_proj", "\"a-b-c\"", InferenceFailure.UnsupportedModelType)]
    [InlineData("dense_act_fn", "\"mish\"", InferenceFailure.UnsupportedModelType)]
    [InlineData("tie_encoder_decoder", "true", InferenceFailure.UnsupportedModelType)]
    [InlineData("num_layers", "null", InferenceFailure.CorruptModel)]
    [InlineData("d_kv", "-1", InferenceFailure.CorruptModel)]
    [InlineData("decoder_start_token_id", "32", InferenceFailure.CorruptModel)]
    [InlineData("is_gated_act", "3", InferenceFailure.CorruptModel)]
    public void Load_T5WrongValue_IsRefusedByName(string field, string value, InferenceFailure failure)
    {
        InferenceException exception = Refuse("t5", field, value);

        Assert.Equal((failure, field), (exception.Failure, exception.Field));
        Assert.Contains(field, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama", """{"sliding_window":4}""", 0, 0)]
    [InlineData("mistral", """{"sliding_window":4}""", 4, 4)]
    [InlineData("mistral", """{"sliding_window":null}""", 0, 0)]
    [InlineData("mistral", "{}", 4096, 4096)]
    [InlineData("qwen2", """{"sliding_window":4,"use_sliding_window":false,"max_window_layers":0}""", 0, 0)]
    [InlineData("qwen2", """{"sliding_window":4,"max_window_layers":0}""", 0, 0)]
    [InlineData("qwen2", """{"sliding_window":4,"use_sliding_window":true,"max_window_layers":1}""", 0, 4)]
    [InlineData("qwen2", """{"sliding_window":4,"use_sliding_window":true}""", 0, 0)]
    [InlineData("qwen2", """{"sliding_window":4,"use_sliding_window":true,"layer_types":["sliding_attention","full_attention"]}""", 4, 0)]
    public void Load_Windows_FollowTheRuleOfTheArchitecture(string type, string fields, params int[] windows) =>
        Assert.Equal(windows, Decoder(type, fields).Windows);

    [Theory]
    [InlineData("""{"seq_length":5,"max_seq_len":4,"n_ctx":3,"n_positions":2,"max_position_embeddings":1}""", 1)]
    [InlineData("""{"seq_length":5,"max_seq_len":4,"n_ctx":3,"n_positions":2}""", 2)]
    [InlineData("""{"seq_length":5,"max_seq_len":4,"n_ctx":3}""", 3)]
    [InlineData("""{"seq_length":5,"max_seq_len":4}""", 4)]
    [InlineData("""{"seq_length":5}""", 5)]
    [InlineData("""{"max_position_embeddings":null,"n_ctx":7.0}""", 7)]
    [InlineData("{}", 2048)]
    public void Load_ContextLength_TakesTheFirstNameThatIsThere(string fields, int expected) =>
        Assert.Equal(expected, Decoder("llama", fields).ContextLength);

    [Fact]
    public void Load_Defaults_AreThoseOfTheReference()
    {
        DecoderConfiguration llama = Decoder("llama", """{"num_key_value_heads":null}"""), qwen = Decoder("qwen2", """{"attention_bias":false,"mlp_bias":true,"num_key_value_heads":1}""");

        Assert.Equal((2, 4, 1e-6f, Activation.Silu, 10000f, false), (llama.KeyValueHeadCount, llama.HeadSize, llama.NormEpsilon, llama.Activation, llama.Rotary[0]!.Theta, llama.TiedHead));
        Assert.Equal((false, false, false), (llama.InputBias, llama.OutputBias, llama.FeedForwardBias));
        Assert.Equal((true, false, false), (qwen.InputBias, qwen.OutputBias, qwen.FeedForwardBias));
        Assert.Equal((true, true, true), Biases(Decoder("llama", """{"attention_bias":true,"mlp_bias":true}""")));
        Assert.Equal((false, false, false), Biases(Decoder("mistral", """{"attention_bias":true,"mlp_bias":true,"num_key_value_heads":1}""")));
        static (bool, bool, bool) Biases(DecoderConfiguration c) => (c.InputBias, c.OutputBias, c.FeedForwardBias);
    }

    [Theory]
    [InlineData("""{"rope_theta":500}""")]
    [InlineData("""{"rope_parameters":{"rope_theta":500,"rope_type":"default"}}""")]
    public void Load_RotaryBase_IsFoundInEverySpelling(string fields) => Assert.Equal(500, Decoder("llama", fields).Rotary[0]!.Theta);

    [Theory]
    [InlineData("""{"feed_forward_proj":"relu"}""", nameof(Activation.Relu), false)]
    [InlineData("{}", nameof(Activation.Relu), false)]
    [InlineData("""{"feed_forward_proj":"gated-gelu"}""", nameof(Activation.GeluTanh), true)]
    [InlineData("""{"feed_forward_proj":"gated-silu"}""", nameof(Activation.Silu), true)]
    [InlineData("""{"feed_forward_proj":"gated-gelu","dense_act_fn":"gelu","is_gated_act":true}""", nameof(Activation.Gelu), true)]
    [InlineData("""{"dense_act_fn":"gelu_new","is_gated_act":true}""", nameof(Activation.GeluTanh), true)]
    public void Load_T5FeedForward_TakesWhatTheReferenceTakes(string fields, string activation, bool gated)
    {
        T5Configuration t5 = T5(fields);

        Assert.Equal((activation, gated), (t5.Activation.ToString(), t5.Gated));
    }

    [Theory]
    [InlineData("{}", true, true)]
    [InlineData("""{"tie_word_embeddings":false}""", false, false)]
    [InlineData("""{"tie_word_embeddings":true,"scale_decoder_outputs":false}""", true, false)]
    public void Load_T5Head_IsScaledAsTheReferenceDoes(string fields, bool tied, bool scaled) =>
        Assert.Equal((tied, scaled), (T5(fields).TiedHead, T5(fields).ScaledHead));

    [Fact]
    public void Load_T5Start_ComesFromTheGenerationConfigurationFirst()
    {
        Assert.Equal(0, T5("{}").DecoderStartTokenId);
        Assert.Equal(3, T5("""{"pad_token_id":3}""").DecoderStartTokenId);
        Assert.Equal(4, T5("""{"pad_token_id":3,"decoder_start_token_id":4}""").DecoderStartTokenId);
        _folder.Write("generation_config.json", """{"decoder_start_token_id":5}""");
        Assert.Equal(5, T5("""{"pad_token_id":3,"decoder_start_token_id":4}""").DecoderStartTokenId);
    }

    [Fact]
    public void Load_T5Lengths_ComeFromPositionsThenTokenizerThen512()
    {
        Assert.Equal((512, 512), (T5("{}").PromptLength, T5("{}").AnswerLength));
        _folder.Write("tokenizer_config.json", """{"model_max_length":300}""");
        Assert.Equal((300, 512), (T5("{}").PromptLength, T5("{}").AnswerLength));
        Assert.Equal((99, 99), (T5("""{"n_positions":99}""").PromptLength, T5("""{"n_positions":99}""").AnswerLength));
    }

    [Fact]
    public void LoadGeneration_NoFiles_IsEmptyAndGreedy()
    {
        GenerationConfiguration generation = GenerationConfiguration.Load(_folder.Folder);

        Assert.False(generation.DoSample);
        Assert.Empty(generation.EndTokenIds);
        Assert.Equal(0, generation.DefaultSampling.Temperature);
    }

    [Theory]
    [InlineData("""{"eos_token_id":2}""", """{"eos_token_id":9}""", 2)]
    [InlineData("""{"eos_token_id":[2,3]}""", "{}", 2, 3)]
    [InlineData("{}", """{"eos_token_id":[9]}""", 9)]
    [InlineData("""{"eos_token_id":null}""", """{"eos_token_id":9}""", 9)]
    [InlineData("{}", """{"eos_token_id":-1}""")]
    public void LoadGeneration_EndTokens_FallBackToTheModelConfiguration(string generation, string model, params int[] expected)
    {
        _folder.Write("generation_config.json", generation);
        _folder.Write(FileName, model);

        Assert.Equal(expected, GenerationConfiguration.Load(_folder.Folder).EndTokenIds);
    }

    [Fact]
    public void LoadGeneration_Sampling_IsRead()
    {
        _folder.Write("generation_config.json", """{"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.9,"min_p":0.1,"repetition_penalty":1.1,"max_new_tokens":7}""");

        GenerationConfiguration g = GenerationConfiguration.Load(_folder.Folder);

        Assert.Equal((true, 0.6f, 20, 0.9f, 0.1f, 1.1f, 7), (g.DoSample, g.Sampling.Temperature, g.Sampling.TopK, g.Sampling.TopP, g.Sampling.MinP, g.Sampling.RepetitionPenalty, g.MaxNewTokens));
    }

    [Fact]
    public void LoadGeneration_NoFileOfItsOwn_OldRepositoriesHaveItInConfigJson()
    {
        _folder.Write(FileName, """{"num_beams":4,"early_stopping":true,"length_penalty":2.0,"no_repeat_ngram_size":3,"max_length":142,"min_length":56,"forced_bos_token_id":0,"forced_eos_token_id":2}""");

        GenerationConfiguration g = GenerationConfiguration.Load(_folder.Folder);

        Assert.Equal((4, EarlyStopping.AtOnce, 2f, 3, 56), (g.DefaultSampling.NumBeams, g.DefaultSampling.EarlyStopping, g.DefaultSampling.LengthPenalty, g.DefaultSampling.NoRepeatNGramSize, g.DefaultSampling.MinLength));
        Assert.Equal((142, 0, 2), (g.MaxLength!.Value, g.DefaultSampling.ForcedBosTokenId!.Value, g.DefaultSampling.ForcedEosTokenIds.Single()));
    }

    [Theory]
    [InlineData("""{"penalty_alpha":0.6}""", "penalty_alpha")]
    [InlineData("""{"dola_layers":"high"}""", "dola_layers")]
    [InlineData("""{"num_beam_groups":2}""", "num_beam_groups")]
    [InlineData("""{"guidance_scale":1.5}""", "guidance_scale")]
    [InlineData("""{"force_words_ids":[[[3]]]}""", "force_words_ids")]
    [InlineData("""{"constraints":[1]}""", "constraints")]
    public void LoadGeneration_NotBuilt_IsRefusedByName(string content, string field)
    {
        _folder.Write("generation_config.json", content);

        InferenceException exception = Assert.Throws<InferenceException>(() => GenerationConfiguration.Load(_folder.Folder));

        Assert.Equal((InferenceFailure.UnsupportedModelType, field), (exception.Failure, exception.Field));
    }

    [Fact]
    public void LoadGeneration_NotBuiltButAskingForNothing_Loads()
    {
        _folder.Write("generation_config.json", """{"num_beam_groups":1,"penalty_alpha":null,"guidance_scale":1.0,"diversity_penalty":0.0,"num_return_sequences":1}""");

        Assert.Equal(1, GenerationConfiguration.Load(_folder.Folder).DefaultSampling.NumBeams);
    }

    [Theory]
    [InlineData("""{"eos_token_id":"2"}""", "eos_token_id")]
    [InlineData("""{"temperature":"hot"}""", "temperature")]
    [InlineData("""{"top_p":2}""", "top_p")]
    [InlineData("""{"do_sample":1}""", "do_sample")]
    [InlineData("""{"early_stopping":"soon"}""", "early_stopping")]
    [InlineData("""{"num_beams":0}""", "num_beams")]
    [InlineData("""{"bad_words_ids":[3]}""", "bad_words_ids")]
    [InlineData("""{"sequence_bias":[[[3]]]}""", "sequence_bias")]
    [InlineData("""{"exponential_decay_length_penalty":[4]}""", "exponential_decay_length_penalty")]
    [InlineData("""{"typical_p":0}""", "typical_p")]
    public void LoadGeneration_WrongValue_IsRefusedByName(string content, string field)
    {
        _folder.Write("generation_config.json", content);

        InferenceException exception = Assert.Throws<InferenceException>(() => GenerationConfiguration.Load(_folder.Folder));

        Assert.Equal((InferenceFailure.CorruptModel, field), (exception.Failure, exception.Field));
    }

    private ModelConfiguration Load() => ModelConfiguration.Load(_folder.Folder);

    private InferenceException Refuse(string type, string field, string value) =>
        Assert.Throws<InferenceException>(() => Load(type, new JsonObject { [field] = JsonNode.Parse(value) }));

    private DecoderConfiguration Decoder(string type, string fields) => Load(type, JsonNode.Parse(fields)!.AsObject()).Decoder!;

    private T5Configuration T5(string fields) => Load("t5", JsonNode.Parse(fields)!.AsObject()).T5!;

    /// <summary>A small good configuration with some fields replaced.</summary>
    private ModelConfiguration Load(string type, JsonObject fields)
    {
        JsonObject config = JsonNode.Parse(type == "t5"
            ? """{"vocab_size":32,"d_model":8,"d_ff":16,"d_kv":4,"num_heads":2,"num_layers":2}"""
            : """{"vocab_size":32,"hidden_size":8,"intermediate_size":16,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":2}""")!.AsObject();
        config["model_type"] = type;
        foreach ((string name, JsonNode? value) in fields)
            config[name] = value?.DeepClone();
        _folder.Write(FileName, config.ToJsonString());
        return Load();
    }
}
