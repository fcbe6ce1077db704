using System.Text.Json;
using LlmService.Tokenizers.Jinja;

namespace LlmService.Tokenizers.Chat;

/// <summary>The special tokens of a model folder as variables of templates: <c>bos_token</c> and its like.</summary>
internal static class SpecialTokenVariables
{
    private const string AdditionalTokens = "additional_special_tokens";
    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>What <c>tokenizer_config.json</c> says; <c>special_tokens_map.json</c> where it says nothing.</summary>
    public static Dictionary<string, Value> Load(string folder)
    {
        Dictionary<string, Value> variables = new(StringComparer.Ordinal);
        foreach (string file in (ReadOnlySpan<string>)["tokenizer_config.json", "special_tokens_map.json"])
        {
            string path = Path.Combine(folder, file);
            if (!File.Exists(path)) continue;
            using JsonDocument document = TokenizerJson.ParseDocument(TokenizerJson.ReadFile(path), path);
            if (document.RootElement.ValueKind == JsonValueKind.Object) Read(document.RootElement, variables);
        }

        return variables;
    }

    private static void Read(JsonElement json, Dictionary<string, Value> variables)
    {
        foreach (string name in Names)
            if (json.TryGetProperty(name, out JsonElement token) && Text(token) is { } text) variables.TryAdd(name, new StringValue(text));
        if (json.TryGetProperty(AdditionalTokens, out JsonElement more) && more.ValueKind == JsonValueKind.Array && more.GetArrayLength() > 0)
            variables.TryAdd(AdditionalTokens, new ListValue([.. more.EnumerateArray().Select(Text).OfType<string>().Select(t => new StringValue(t))]));
        // Newer files name the tokens of images and their like.
        if (!json.TryGetProperty("extra_special_tokens", out JsonElement extra) || extra.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty property in extra.EnumerateObject())
            if (Text(property.Value) is { } text) variables.TryAdd(property.Name, new StringValue(text));
    }

    /// <summary>A token is a string, or an object with its flags.</summary>
    private static string? Text(JsonElement token) => token.ValueKind switch
    {
        JsonValueKind.String => token.GetString(),
        JsonValueKind.Object when token.TryGetProperty("content", out JsonElement content) && content.ValueKind == JsonValueKind.String => content.GetString(),
        _ => null,
    };
}
