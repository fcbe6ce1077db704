using System.Globalization;
using System.Text.Json;
using LlmService.Inference.Embeddings;

namespace LlmService.App.Http.OpenAi;

/// <summary>What the endpoints of encoders share.</summary>
internal static class EmbeddingText
{
    private const string Truncate = "truncate", TruncateTo = "truncate_prompt_tokens";

    /// <summary>To how many tokens longer texts are cut: <c>truncate</c> (the longest that the model reads), or <c>truncate_prompt_tokens</c> (so many; -1 for the longest). Null refuses them.</summary>
    /// <exception cref="AppException">invalid_request.</exception>
    public static int? ReadTruncation(RequestReader reader, TextPreparation texts)
    {
        bool? cuts = reader.Boolean(Truncate);
        int? tokens = reader.Integer(TruncateTo, -1, texts.MaxTokens);
        if (tokens == 0)
            throw RequestReader.Invalid(TruncateTo, $"'{TruncateTo}' must be from 1 to {texts.MaxTokens}, or -1 for the longest that the model reads, not 0.");
        if (tokens is not null && cuts == false)
            throw RequestReader.Invalid(Truncate, $"'{Truncate}' is false, but '{TruncateTo}' says to how many tokens texts are cut. Leave one of them out.");
        return tokens == -1 || (tokens is null && cuts == true) ? texts.MaxTokens : tokens;
    }

    /// <summary>Refuses texts where no tokenizer was loaded.</summary>
    /// <exception cref="AppException">unsupported_parameter.</exception>
    public static void RequireTokenizer(TextPreparation texts, string parameter)
    {
        if (!texts.HasTokenizer)
        {
            throw new AppException(FailureCode.UnsupportedParameter, "A text needs the model's tokenizer, and none was loaded (--skip-tokenizer-init).")
            {
                Parameter = parameter,
                Remedy = "Send token ids, or start the service without --skip-tokenizer-init.",
            };
        }
    }

    /// <summary>Says in a header which fields are not known, and how many texts were cut; nothing where there is nothing to say.</summary>
    public static void Warn(HttpContext context, RequestReader reader, IReadOnlyCollection<EncoderText> texts)
    {
        int cut = texts.Count(text => text.IsCut);
        string? cuts = cut == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{cut} of {texts.Count} texts cut to {texts.Where(text => text.IsCut).Max(text => text.Ids.Count)} tokens");
        string[] warnings = [.. new[] { reader.Warnings, cuts }.OfType<string>()];
        AnswerSender.Warn(context, warnings.Length == 0 ? null : string.Join("; ", warnings));
    }

    /// <summary>Writes the token counts: nothing is generated.</summary>
    public static void WriteUsage(Utf8JsonWriter json, IEnumerable<EncoderText> texts)
    {
        int tokens = texts.Sum(text => text.Ids.Count);
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteNumber("total_tokens", tokens);
        json.WriteEndObject();
    }
}
