using System.Text.Json;

namespace LlmService.App.Http.OpenAi;

/// <summary>One prompt: a text, or ids that are used exactly as given.</summary>
internal readonly record struct Prompt(string? Text, IReadOnlyList<int>? TokenIds);

/// <summary>A checked body of <c>/v1/completions</c>.</summary>
internal sealed record CompletionRequest(
    GenerationFields Fields, IReadOnlyList<Prompt> Prompts, int MaxTokens, bool Echo, int? LogProbabilities, string? Warnings)
{
    /// <summary>For encoder-decoders: the ids that the decoder reads first, with or without its start token.</summary>
    public IReadOnlyList<int> DecoderInputIds { get; private init; } = [];

    private const int DefaultMaxTokens = 16;
    private const int MaxLogProbabilities = 20;
    private const int MaxSequences = 256;

    /// <summary>Reads and checks the body.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    public static CompletionRequest Read(JsonElement body)
    {
        RequestReader reader = new(body, FieldTable.Completions);
        GenerationFields fields = GenerationFields.Read(reader);
        bool echo = reader.Boolean("echo") ?? false;
        int maxTokens = reader.Integer(["max_tokens", "max_new_tokens"], 0) ?? DefaultMaxTokens;
        if (maxTokens == 0 && !echo)
            throw RequestReader.Invalid("max_tokens", "'max_tokens' must be at least 1; 0 has a use only with 'echo'.");
        fields.CheckLimit(maxTokens);
        int count = PromptField.Count(reader, "prompt");
        if ((long)count * fields.Choices > MaxSequences)
            throw RequestReader.Invalid("prompt", $"{count} prompts with {fields.Choices} answers each are more than {MaxSequences} answers in one request.");
        List<Prompt> prompts = PromptField.Read(reader, "prompt");
        return new(fields, prompts, maxTokens, echo, reader.Integer("logprobs", 0, MaxLogProbabilities), reader.Warnings)
        {
            DecoderInputIds = reader.TokenIds("decoder_input_ids") ?? [],
        };
    }
}
