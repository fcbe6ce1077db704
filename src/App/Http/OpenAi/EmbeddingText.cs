using System.Text.Json;
using LlmService.Inference;
using LlmService.Tokenizers;

namespace LlmService.App.Http.OpenAi;

/// <summary>What the endpoints of encoders share.</summary>
internal static class EmbeddingText
{
    /// <summary>The ids of a text, with what the tokenizer adds; ids are taken as they are.</summary>
    public static int[] Ids(LlmEngine engine, Prompt input) => input.TokenIds is { } ids ? [.. ids] : [.. TokenizerOf(engine).Encode(input.Text!).Ids];

    /// <summary>The tokenizer, which a text needs.</summary>
    /// <exception cref="AppException">unsupported_parameter: none was loaded.</exception>
    public static Tokenizer TokenizerOf(LlmEngine engine) => engine.Tokenizer ?? throw new AppException(FailureCode.UnsupportedParameter, "A text needs the model's tokenizer, and none was loaded (--skip-tokenizer-init).")
    {
        Parameter = "input",
        Remedy = "Send token ids, or start the service without --skip-tokenizer-init.",
    };

    /// <summary>Writes the token counts: nothing is generated.</summary>
    public static void WriteUsage(Utf8JsonWriter json, int tokens)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", tokens);
        json.WriteNumber("total_tokens", tokens);
        json.WriteEndObject();
    }
}
