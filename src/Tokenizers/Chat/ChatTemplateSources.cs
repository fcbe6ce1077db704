using System.Text;
using System.Text.Json;

namespace LlmService.Tokenizers.Chat;

/// <summary>The text of a template.</summary>
/// <param name="Name">What it is called among several: <c>default</c> when nothing else.</param>
/// <param name="Place">The file, for messages.</param>
internal sealed record ChatTemplateSource(string Name, string Place, string Text);

/// <summary>Finds the templates of a model folder as the reference does.</summary>
internal static class ChatTemplateSources
{
    public const string Default = "default";
    private const string TemplateFile = "chat_template.jinja";
    private const string MoreTemplates = "additional_chat_templates";
    private const int MostTemplates = 64;

    /// <summary>Files of their own come before <c>tokenizer_config.json</c>, and that before <c>chat_template.json</c>; empty when there is none.</summary>
    /// <exception cref="TokenizerException">A file is damaged.</exception>
    public static IReadOnlyList<ChatTemplateSource> Find(string folder)
    {
        List<ChatTemplateSource> files = FindFiles(folder);
        if (files.Count > 0) return files;
        IReadOnlyList<ChatTemplateSource> configured = ReadJson(Path.Combine(folder, "tokenizer_config.json"));
        return configured.Count > 0 ? configured : ReadJson(Path.Combine(folder, "chat_template.json"));
    }

    private static List<ChatTemplateSource> FindFiles(string folder)
    {
        List<ChatTemplateSource> sources = [];
        string single = Path.Combine(folder, TemplateFile);
        if (File.Exists(single)) sources.Add(new ChatTemplateSource(Default, TemplateFile, ReadText(single)));
        string more = Path.Combine(folder, MoreTemplates);
        if (!Directory.Exists(more)) return sources;
        foreach (string path in Directory.EnumerateFiles(more, "*.jinja").Order(StringComparer.Ordinal).Take(MostTemplates))
            sources.Add(new ChatTemplateSource(Path.GetFileNameWithoutExtension(path), $"{MoreTemplates}/{Path.GetFileName(path)}", ReadText(path)));
        return sources;
    }

    private static IReadOnlyList<ChatTemplateSource> ReadJson(string path)
    {
        if (!File.Exists(path)) return [];
        using JsonDocument document = TokenizerJson.ParseDocument(TokenizerJson.ReadFile(path), path);
        JsonPart json = new(document.RootElement, "$", path);
        if (json.Find("chat_template") is not JsonPart template) return [];
        string file = Path.GetFileName(path);
        return template.IsArray
            ? [.. template.Items().Take(MostTemplates).Select(t => new ChatTemplateSource(t.String("name"), $"{file} ({t.String("name")})", t.String("template")))]
            : [new ChatTemplateSource(Default, file, template.AsString())];
    }

    private static string ReadText(string path)
    {
        byte[] bytes = TokenizerJson.ReadFile(path);
        ReadOnlySpan<byte> text = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes;
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text);
        }
        catch (DecoderFallbackException e)
        {
            throw new TokenizerException(TokenizerFailure.Corrupt, $"{path} is not valid UTF-8.", e) { File = path };
        }
    }
}
