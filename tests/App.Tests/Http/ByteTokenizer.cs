using System.Text.Json.Nodes;
using LlmService.Tokenizers;

namespace LlmService.App.Http;

/// <summary>A tokenizer with one token for each byte, and an end token after them: characters beyond ASCII take several tokens.</summary>
internal static class ByteTokenizer
{
    public const int EndTokenId = 256;
    public const int VocabularySize = 257;

    public static Tokenizer Create()
    {
        JsonObject vocabulary = [];
        int next = 256;
        for (int value = 0; value < 256; value++)
        {
            // The byte-level alphabet: printable characters stand for themselves, the others for those from 256 on.
            bool isPrintable = value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            vocabulary.Add(((char)(isPrintable ? value : next++)).ToString(), value);
        }
        JsonNode json = JsonNode.Parse("""
            {
              "version": "1.0", "truncation": null, "padding": null,
              "added_tokens": [{ "id": 256, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true }],
              "normalizer": null,
              "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false },
              "post_processor": null,
              "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
              "model": { "type": "BPE", "merges": [] }
            }
            """)!;
        json["model"]!["vocab"] = vocabulary;
        return Tokenizer.Parse(System.Text.Encoding.UTF8.GetBytes(json.ToJsonString()), "tokenizer.json");
    }
}
