using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmService.Benchmarks.Shapes;

/// <summary>
/// <c>shape NAME FOLDER</c>: writes a model folder with the shapes of a published model and random weights, since speed depends on nothing else: in bfloat16 as safetensors, as the
/// ONNX files that transformers.js and ONNX Runtime take, and for Qwen2.5 as the GGUF file that llama.cpp takes.
/// </summary>
internal static class ShapeModels
{
    // Written last, so that a folder that broke off is written again.
    private const string Complete = "generation_config.json";

    private static readonly Dictionary<string, string> Configurations = new(StringComparer.Ordinal)
    {
        ["flan-t5-small"] = T5(512, 64, 1024, 6, 8),
        ["lamini-flan-t5-248m"] = T5(768, 64, 2048, 12, 12),
        ["flan-t5-base"] = T5(768, 64, 2048, 12, 12),
        ["qwen2.5-0.5b"] = """
            { "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14, "num_hidden_layers": 24, "num_key_value_heads": 2, "vocab_size": 151936,
              "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": true, "eos_token_id": 151645 }
            """,
    };

    public static int Run(string[] args)
    {
        if (args.Length != 2 || !Configurations.TryGetValue(args[0], out string? configuration))
        {
            Console.Error.WriteLine($"shape NAME FOLDER; NAME is one of {string.Join(", ", Configurations.Keys)}");
            return 2;
        }
        Write(configuration, args[1]);
        return 0;
    }

    /// <summary>The names that have a shape.</summary>
    public static IEnumerable<string> Names => Configurations.Keys;

    /// <summary>Writes the folder of a name, unless it is there.</summary>
    public static void Make(string name, string folder)
    {
        if (!File.Exists(Path.Combine(folder, Complete)))
            Write(Configurations[name], folder);
    }

    private static string T5(int model, int head, int feedForward, int heads, int layers) => $$"""
        { "model_type": "t5", "d_model": {{model}}, "d_kv": {{head}}, "d_ff": {{feedForward}}, "num_heads": {{heads}}, "num_layers": {{layers}}, "num_decoder_layers": {{layers}}, "vocab_size": 32128,
          "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128, "layer_norm_epsilon": 1e-06, "feed_forward_proj": "gated-gelu", "is_encoder_decoder": true,
          "tie_word_embeddings": false, "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "n_positions": 512 }
        """;

    private static void Write(string configuration, string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), configuration);
        using JsonDocument config = JsonDocument.Parse(configuration);
        JsonElement root = config.RootElement;
        bool isT5 = root.GetProperty("model_type").GetString() == "t5";
        WriteSafetensors(Path.Combine(folder, "model.safetensors"), [.. isT5 ? T5Tensors(root) : DecoderTensors(root)]);
        if (isT5)
        {
            new T5Graphs(new T5Sizes(Number(root, "d_model"), Number(root, "d_kv"), Number(root, "d_ff"), Number(root, "num_heads"), Number(root, "num_layers"), Number(root, "vocab_size")))
                .Write(Path.Combine(folder, "onnx"));
        }
        else
        {
            Qwen2Sizes sizes = new(Number(root, "hidden_size"), Number(root, "intermediate_size"), Number(root, "num_attention_heads"), Number(root, "num_key_value_heads"),
                Number(root, "num_hidden_layers"), Number(root, "vocab_size"));
            new Qwen2Graph(sizes).Write(Path.Combine(folder, "onnx"));
            new Qwen2Gguf(sizes).Write(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "gguf")).FullName, "model-q4_0.gguf"));
        }
        File.WriteAllText(Path.Combine(folder, Complete), isT5 ? """{ "decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0 }""" : "{}");
    }

    private static void WriteSafetensors(string path, (string Name, int[] Shape)[] tensors)
    {
        JsonObject header = [];
        long offset = 0;
        foreach ((string name, int[] shape) in tensors)
        {
            long bytes = shape.Aggregate(2L, (product, dimension) => product * dimension);
            header[name] = new JsonObject { ["dtype"] = "BF16", ["shape"] = new JsonArray([.. shape.Select(d => JsonValue.Create(d))]), ["data_offsets"] = new JsonArray(offset, offset + bytes) };
            offset += bytes;
        }
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        file.Write(length);
        file.Write(json);
        Random random = new(1);
        foreach ((string name, int[] shape) in tensors)
            WriteNumbers(file, random, shape.Aggregate(1L, (product, dimension) => product * dimension), name.Contains("norm", StringComparison.Ordinal) ? 1 : 0);
    }

    private static void WriteNumbers(FileStream file, Random random, long count, float mean)
    {
        byte[] buffer = new byte[1 << 20];
        while (count > 0)
        {
            int now = (int)Math.Min(count, buffer.Length / 2);
            for (int i = 0; i < now; i++)
            {
                float value = mean + (random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f) * 0.06f;
                BinaryPrimitives.WriteUInt16LittleEndian(buffer.AsSpan(2 * i), (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
            }
            file.Write(buffer, 0, 2 * now);
            count -= now;
        }
    }

    private static IEnumerable<(string, int[])> DecoderTensors(JsonElement config)
    {
        int hidden = Number(config, "hidden_size"), inner = Number(config, "intermediate_size"), head = hidden / Number(config, "num_attention_heads"), keys = head * Number(config, "num_key_value_heads");
        yield return ("model.embed_tokens.weight", [Number(config, "vocab_size"), hidden]);
        yield return ("model.norm.weight", [hidden]);
        for (int i = 0; i < Number(config, "num_hidden_layers"); i++)
        {
            string layer = $"model.layers.{i}";
            yield return ($"{layer}.input_layernorm.weight", [hidden]);
            yield return ($"{layer}.post_attention_layernorm.weight", [hidden]);
            foreach ((string name, int rows) in new[] { ("q", hidden), ("k", keys), ("v", keys) })
            {
                yield return ($"{layer}.self_attn.{name}_proj.weight", [rows, hidden]);
                yield return ($"{layer}.self_attn.{name}_proj.bias", [rows]);
            }
            yield return ($"{layer}.self_attn.o_proj.weight", [hidden, hidden]);
            yield return ($"{layer}.mlp.gate_proj.weight", [inner, hidden]);
            yield return ($"{layer}.mlp.up_proj.weight", [inner, hidden]);
            yield return ($"{layer}.mlp.down_proj.weight", [hidden, inner]);
        }
    }

    private static IEnumerable<(string, int[])> T5Tensors(JsonElement config)
    {
        int hidden = Number(config, "d_model"), inner = Number(config, "num_heads") * Number(config, "d_kv"), feedForward = Number(config, "d_ff"), vocabulary = Number(config, "vocab_size");
        yield return ("shared.weight", [vocabulary, hidden]);
        yield return ("lm_head.weight", [vocabulary, hidden]);
        foreach (string stack in new[] { "encoder", "decoder" })
        {
            yield return ($"{stack}.final_layer_norm.weight", [hidden]);
            yield return ($"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight", [32, Number(config, "num_heads")]);
            for (int i = 0; i < Number(config, "num_layers"); i++)
            {
                string[] attentions = stack == "encoder" ? ["SelfAttention"] : ["SelfAttention", "EncDecAttention"];
                for (int layer = 0; layer <= attentions.Length; layer++)
                    yield return ($"{stack}.block.{i}.layer.{layer}.layer_norm.weight", [hidden]);
                for (int layer = 0; layer < attentions.Length; layer++)
                {
                    foreach (char name in "qkv")
                        yield return ($"{stack}.block.{i}.layer.{layer}.{attentions[layer]}.{name}.weight", [inner, hidden]);
                    yield return ($"{stack}.block.{i}.layer.{layer}.{attentions[layer]}.o.weight", [hidden, inner]);
                }
                string network = $"{stack}.block.{i}.layer.{attentions.Length}.DenseReluDense";
                yield return ($"{network}.wi_0.weight", [feedForward, hidden]);
                yield return ($"{network}.wi_1.weight", [feedForward, hidden]);
                yield return ($"{network}.wo.weight", [hidden, feedForward]);
            }
        }
    }

    private static int Number(JsonElement config, string name) => config.GetProperty(name).GetInt32();
}
