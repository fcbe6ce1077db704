using System.Globalization;
using System.Text;
using LlmService.Inference.Architectures;
using LlmService.Inference.Configuration;
using LlmService.Inference.Execution;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Execution;

/// <summary>Writes docs/models/README.md: what runs, and what it takes, computed by the code that refuses a model that does not fit.</summary>
internal static class ModelsPage
{
    private const long GB = 1_000_000_000;

    private static readonly WeightChoice Published = new() { Format = WeightFormat.Safetensors, Variant = "model" };

    // Sizes as the authors publish them in config.json.
    private static readonly (string Name, string Configuration)[] Examples =
    [
        ("google/flan-t5-small, Xenova/flan-t5-small, Xenova/LaMini-Flan-T5-77M", T5(512, 1024, 6, 8)),
        ("google/flan-t5-base, Xenova/flan-t5-base, Xenova/LaMini-Flan-T5-248M", T5(768, 2048, 12, 12)),
        ("google/flan-t5-large, Xenova/LaMini-Flan-T5-783M", T5(1024, 2816, 16, 24)),
        ("Qwen/Qwen2.5-0.5B-Instruct", Decoder("qwen2", 896, 4864, 14, 2, 24, 151936, 32768, isTied: true)),
        ("Qwen/Qwen2.5-1.5B-Instruct", Decoder("qwen2", 1536, 8960, 12, 2, 28, 151936, 32768, isTied: true)),
        ("Qwen/Qwen2.5-7B-Instruct", Decoder("qwen2", 3584, 18944, 28, 4, 28, 152064, 32768, isTied: false)),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", Decoder("llama", 2048, 5632, 32, 4, 22, 32000, 2048, isTied: false)),
        ("meta-llama/Llama-3.2-1B-Instruct", Decoder("llama", 2048, 8192, 32, 8, 16, 128256, 131072, isTied: true)),
        ("meta-llama/Llama-3.1-8B-Instruct", Decoder("llama", 4096, 14336, 32, 8, 32, 128256, 131072, isTied: false)),
        ("mistralai/Mistral-7B-Instruct-v0.2", Decoder("mistral", 4096, 14336, 32, 8, 32, 32000, 32768, isTied: false, """, "sliding_window": null""")),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", Decoder("llama", 576, 1536, 9, 3, 30, 49152, 8192, isTied: true)),
        ("HuggingFaceTB/SmolLM3-3B", Decoder("smollm3", 2048, 11008, 16, 4, 36, 128256, 65536, isTied: true)),
        ("Qwen/Qwen3-0.6B", Decoder("qwen3", 1024, 3072, 16, 8, 28, 151936, 40960, isTied: true, """, "head_dim": 128""")),
        ("Qwen/Qwen3-4B", Decoder("qwen3", 2560, 9728, 32, 8, 36, 151936, 40960, isTied: true, """, "head_dim": 128""")),
        ("Qwen/Qwen3-30B-A3B", Decoder("qwen3_moe", 2048, 6144, 32, 4, 48, 151936, 40960, isTied: false,
            """, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768""")),
        ("google/gemma-2-2b-it", Decoder("gemma2", 2304, 9216, 8, 4, 26, 256000, 8192, isTied: true, """, "head_dim": 256, "sliding_window": 4096""")),
        ("google/gemma-3-1b-it", Decoder("gemma3_text", 1152, 6912, 4, 1, 26, 262144, 32768, isTied: true, """, "head_dim": 256, "sliding_window": 512, "sliding_window_pattern": 6""")),
        ("microsoft/Phi-3.5-mini-instruct", Decoder("phi3", 3072, 8192, 32, 32, 32, 32064, 131072, isTied: false, """, "sliding_window": 262144""")),
        ("microsoft/Phi-4-mini-instruct", Decoder("phi3", 3072, 8192, 24, 8, 32, 200064, 131072, isTied: true, """, "partial_rotary_factor": 0.75, "sliding_window": 262144""")),
        ("openai-community/gpt2", """{ "model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_layer": 12, "n_positions": 1024, "vocab_size": 50257 }"""),
        ("facebook/bart-large-cnn", Bart("bart", 1024, 4096, 12, 16, 50264, 1024)),
        ("Helsinki-NLP/opus-mt-en-de", Bart("marian", 512, 2048, 6, 8, 58101, 512)),
        ("facebook/nllb-200-distilled-600M", Bart("m2m_100", 1024, 4096, 12, 16, 256206, 1024)),
        ("sentence-transformers/all-MiniLM-L6-v2, cross-encoder/ms-marco-MiniLM-L6-v2", Encoder("bert", 384, 1536, 12, 6, 30522, 512)),
        ("BAAI/bge-base-en-v1.5", Encoder("bert", 768, 3072, 12, 12, 30522, 512)),
        ("mixedbread-ai/mxbai-embed-large-v1", Encoder("bert", 1024, 4096, 16, 24, 30522, 512)),
        ("sentence-transformers/all-mpnet-base-v2", Encoder("mpnet", 768, 3072, 12, 12, 30527, 514)),
        ("intfloat/multilingual-e5-small", Encoder("bert", 384, 1536, 12, 12, 250037, 512)),
        ("BAAI/bge-m3, BAAI/bge-reranker-v2-m3", Encoder("xlm-roberta", 1024, 4096, 16, 24, 250002, 8194, types: 1)),
        ("nomic-ai/modernbert-embed-base", Encoder("modernbert", 768, 1152, 12, 22, 50368, 8192)),
        ("Qwen/Qwen3-Embedding-0.6B", Decoder("qwen3", 1024, 3072, 16, 8, 28, 151669, 32768, isTied: true, """, "head_dim": 128, "architectures": ["Qwen3Model"]""")),
    ];

    public static string Write()
    {
        StringBuilder page = new();
        page.Append("# Models\n\n");
        page.Append("A model runs if the `model_type` of its config.json is one of these. Each has a page: what it is, which repositories have it, which fields count, what is refused.\n\n");
        foreach ((string group, IEnumerable<string> types) in Groups())
            page.Append("- ").Append(group).Append(": ").AppendJoin(", ", types.Select(type => $"[{type}]({type}.md)")).Append(".\n");
        page.Append('\n');
        page.Append("""
            Weights are read as their authors publish them, and nothing is converted beforehand. Of several sets that a repository has, the first of this list is taken;
            `--weights` chooses another, by variant (`model`, `fp16`, `q8`, `q4`), format or file name, and `check` says which one and why.

            | Format | Files | Page |
            | --- | --- | --- |
            | safetensors: F64, F32, F16, BF16, FP8 with scales | `model.safetensors`, or shards with an index | |
            | PyTorch, read without running anything | `pytorch_model.bin`, or shards with an index | [pytorch.md](pytorch.md) |
            | ONNX of Xenova and onnx-community: f32, f16, int8, 4 bit | `onnx/*.onnx` | [onnx.md](onnx.md) |
            | GGUF: F32, F16, BF16, Q8_0, Q6_K, Q5_1, Q5_0, Q4_1, Q4_0 | `*.gguf` | [gguf.md](gguf.md) |

            `--dtype` is another matter: the format that weights are held and computed in. `auto` takes q8 for encoders and encoder-decoders, models below 0.4 billion weights
            and what is stored in 8 bits, else q4. There the head has twice 4 bits: all logits are made of the first, and the largest of each token, some thousand, of both, which is as exact as q8.

            ## What a model takes

            Computed from `config.json` alone, as `check` and `serve` do before any weight moves; a model that does not fit is refused with what would. The cache is for one
            sequence (bf16 and f32 need twice as much), and larger than needed where layers have a window; 88 MiB for the process and the buffers of a prompt's pass are counted, and not shown. Models that
            make vectors or scores keep no cache: for them the column has the buffers of a pass over a text of 1,000 tokens, which is read at once, and the longest context is the longest text.

            | Model | Parameters | bf16 | q8 | q4 | Cache for 1,000 tokens in q8, q4 | Longest context in 8 GB | in 24 GB |
            | --- | --- | --- | --- | --- | --- | --- | --- |

            """);
        foreach ((string name, string configuration) in Examples)
            page.Append(Row(name, Read(configuration)));
        page.Append("\nThe last two columns are for the format that `auto` chooses.\n");
        return page.ToString();
    }

    private static IEnumerable<(string Name, IEnumerable<string> Types)> Groups()
    {
        bool HasExperts(string type) => type is "mixtral" or "gpt_oss" or "deepseek_v3" || type.EndsWith("moe", StringComparison.Ordinal);
        IReadOnlyCollection<string> decoders = [.. DecoderArchitectures.All.Keys], encoders = [.. EncoderArchitectures.All.Keys];
        yield return ("Decoder-only", decoders.Where(type => !HasExperts(type)));
        yield return ("Decoder-only, with experts", decoders.Where(HasExperts));
        yield return ("Encoder-decoder", ModelConfiguration.SupportedModelTypes.Where(type => !decoders.Contains(type) && !encoders.Contains(type)));
        yield return ("Encoders, for vectors and scores", encoders);
    }

    private static string Row(string name, ModelConfiguration configuration)
    {
        ModelSize size = ModelSize.Of(configuration);
        string bytes = string.Join(" | ", new[] { ComputeFormat.Bf16, ComputeFormat.Q8, ComputeFormat.Q4 }.Select(format => Megabytes(size.WeightBytes[format])));
        string contexts = string.Join(" | ", new[] { 8 * GB, 24 * GB }.Select(memory => Context(MemoryNeed.Of(configuration, Published, long.MaxValue, null, null, memory))));
        return string.Create(CultureInfo.InvariantCulture, $"| {name} | {size.ParameterCount / 1e6:0} M | {bytes} | {Megabytes(1000 * size.CacheBytesPerToken[ComputeFormat.Q4])} | {contexts} |\n");
    }

    private static string Context(MemoryNeed need) =>
        need.LongestContext >= need.ContextLength ? $"all {need.ContextLength}" : need.LongestContext == 0 ? "none" : need.LongestContext.ToString(CultureInfo.InvariantCulture);

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0} MB");

    private static ModelConfiguration Read(string configuration)
    {
        using CheckpointFolder folder = new();
        folder.Write("config.json", configuration);
        return ModelConfiguration.Load(folder.Folder);
    }

    private static string T5(int model, int feedForward, int heads, int layers) => $$"""
        { "model_type": "t5", "d_model": {{model}}, "d_kv": 64, "d_ff": {{feedForward}}, "num_heads": {{heads}}, "num_layers": {{layers}}, "num_decoder_layers": {{layers}}, "vocab_size": 32128,
          "relative_attention_num_buckets": 32, "feed_forward_proj": "gated-gelu", "is_encoder_decoder": true, "tie_word_embeddings": false, "n_positions": 512 }
        """;

    private static string Decoder(string type, int hidden, int inner, int heads, int keyHeads, int layers, int vocabulary, int context, bool isTied, string more = "") => $$"""
        { "model_type": "{{type}}", "hidden_size": {{hidden}}, "intermediate_size": {{inner}}, "num_attention_heads": {{heads}}, "num_key_value_heads": {{keyHeads}},
          "num_hidden_layers": {{layers}}, "vocab_size": {{vocabulary}}, "max_position_embeddings": {{context}}, "tie_word_embeddings": {{(isTied ? "true" : "false")}}{{more}} }
        """;

    private static string Encoder(string type, int hidden, int inner, int heads, int layers, int vocabulary, int positions, int types = 2) => $$"""
        { "model_type": "{{type}}", "hidden_size": {{hidden}}, "intermediate_size": {{inner}}, "num_attention_heads": {{heads}}, "num_hidden_layers": {{layers}},
          "vocab_size": {{vocabulary}}, "max_position_embeddings": {{positions}}, "type_vocab_size": {{types}} }
        """;

    private static string Bart(string type, int model, int feedForward, int layers, int heads, int vocabulary, int positions) => $$"""
        { "model_type": "{{type}}", "d_model": {{model}}, "encoder_ffn_dim": {{feedForward}}, "decoder_ffn_dim": {{feedForward}}, "encoder_layers": {{layers}}, "decoder_layers": {{layers}},
          "encoder_attention_heads": {{heads}}, "decoder_attention_heads": {{heads}}, "vocab_size": {{vocabulary}}, "max_position_embeddings": {{positions}}, "decoder_start_token_id": 2 }
        """;
}
