using System.Text.Json;

namespace LlmService.Tokenizers;

/// <summary>What <c>tokenizer_config.json</c> and its companions say beside the vocabulary.</summary>
public sealed record TokenizerConfig
{
    /// <summary>The longest input, in tokens; null when unset or a placeholder (above 2^31).</summary>
    public int? ModelMaxLength { get; init; }

    /// <summary>Whether the folder has a chat template, in <c>tokenizer_config.json</c>, <c>chat_template.jinja</c> or <c>chat_template.json</c>.</summary>
    public bool HasChatTemplate { get; init; }

    /// <summary>The end-of-sequence token.</summary>
    public string? EosToken { get; init; }

    /// <summary>The begin-of-sequence token.</summary>
    public string? BosToken { get; init; }

    /// <summary>Reads the files of a model folder; absent files leave the defaults.</summary>
    /// <exception cref="TokenizerException">Damaged.</exception>
    public static TokenizerConfig Load(string modelFolder)
    {
        bool hasTemplateFile = File.Exists(Path.Combine(modelFolder, "chat_template.jinja"))
            || Read(Path.Combine(modelFolder, "chat_template.json"), HasTemplate);
        return Read(Path.Combine(modelFolder, "tokenizer_config.json"), ReadConfig) is TokenizerConfig config
            ? config with { HasChatTemplate = config.HasChatTemplate || hasTemplateFile }
            : new TokenizerConfig { HasChatTemplate = hasTemplateFile };
    }

    private static T? Read<T>(string path, Func<JsonPart, T> read)
    {
        if (!File.Exists(path)) return default;
        using JsonDocument document = TokenizerJson.ParseDocument(TokenizerJson.ReadFile(path), path);
        return read(new JsonPart(document.RootElement, "$", path));
    }

    private static TokenizerConfig ReadConfig(JsonPart json) => new()
    {
        ModelMaxLength = json.Find("model_max_length") is JsonPart length ? ReadLength(length) : null,
        HasChatTemplate = HasTemplate(json),
        EosToken = ReadToken(json.Find("eos_token")),
        BosToken = ReadToken(json.Find("bos_token")),
    };

    /// <summary>"No limit" is written as 1e30, as an integer or as a float.</summary>
    private static int? ReadLength(JsonPart json)
    {
        double length = json.AsNumber();
        if (length <= 0) throw json.Corrupt("must be a number above zero");
        return length < int.MaxValue ? (int)length : null;
    }

    /// <summary>A template is a string, or a list of named ones.</summary>
    private static bool HasTemplate(JsonPart json) =>
        json.Find("chat_template") is JsonPart template && (template.IsString || (template.IsArray && template.Element.GetArrayLength() > 0));

    /// <summary>A token is a string, or an object with its flags.</summary>
    private static string? ReadToken(JsonPart? json) => json is not JsonPart token ? null : token.IsObject ? token.OptionalString("content") : token.AsString();
}
