using System.Text.Json;
using LlmService.Inference;
using LlmService.Inference.Execution;

namespace LlmService.App.Http.OpenAi;

/// <summary><c>POST /v1/completions</c>.</summary>
internal sealed class Completions(LoadedModels models, AnswerSender sender)
{
    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        CompletionRequest request = CompletionRequest.Read(body.RootElement);
        AnswerSender.Warn(context, request.Warnings);
        LlmEngine engine = models.Engine(request.Fields.Model);
        if (engine.Tokenizer is null && request.Prompts.Any(p => p.Text is not null))
            throw RequestReader.Invalid("prompt", "This service runs without a tokenizer, so 'prompt' must be token ids.");
        int[] begun = Begun(request, engine.Model);
        CompletionAnswer answer = new(request, begun, $"cmpl-{Guid.NewGuid():N}", sender.Now, new TokenTexts(engine.Tokenizer, request.Fields));
        await sender.SendAsync(context, engine, request.Fields, request.Fields.Requests(engine, Prompts(request, begun)), answer);
    }

    private static IEnumerable<GenerationRequest> Prompts(CompletionRequest request, int[] begun) => request.Prompts.Select(prompt => new GenerationRequest
    {
        Prompt = prompt.Text,
        PromptTokenIds = prompt.TokenIds,
        DecoderPromptTokenIds = begun,
        MaxTokens = request.MaxTokens,
        LogProbabilities = request.LogProbabilities,
        PromptLogProbabilities = request.Echo && request.LogProbabilities is not null,
    });

    /// <summary>What the answer is begun with. As in the reference, the decoder's start token may stand first, and is there anyway.</summary>
    private static int[] Begun(CompletionRequest request, ModelDescription model)
    {
        IReadOnlyList<int> ids = request.DecoderInputIds;
        if (ids.Count > 0 && !model.IsEncoderDecoder)
            throw RequestReader.Invalid("decoder_input_ids", "'decoder_input_ids' is for models with an encoder and a decoder; this one reads 'prompt' alone.");
        return [.. ids.Count > 0 && ids[0] == model.DecoderStartTokenId ? ids.Skip(1) : ids];
    }
}
