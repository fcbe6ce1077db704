using System.Text.Json;
using LlmService.Tokenizers;

namespace LlmService.Inference.Scheduling;

/// <summary>A tokenizer with one token for each byte, and an end token after them: characters beyond ASCII take several tokens.</summary>
internal static class ByteTokenizer
{
    public const int EndTokenId = 256;
    public const int VocabularySize = 257;

    public static Tokenizer Create()
    {
        var vocabulary = new Dictionary<string, int>();
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            // The byte-level alphabet: printable characters stand for themselves, the others for those from 256 on.
            bool isPrintable = value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            vocabulary.Add(((char)(isPrintable ? value : next++)).ToString(), value);
        }

        byte[] json = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object?>
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new object[]
            {
                new { id = EndTokenId, content = "<end>", single_word = false, lstrip = false, rstrip = false, normalized = false, special = true },
            },
            ["normalizer"] = null,
            ["pre_tokenizer"] = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = false },
            ["post_processor"] = null,
            ["decoder"] = new { type = "ByteLevel", add_prefix_space = true, trim_offsets = true, use_regex = true },
            ["model"] = new { type = "BPE", vocab = vocabulary, merges = Array.Empty<string>() },
        });
        return Tokenizer.Parse(json, "tokenizer.json");
    }
}
