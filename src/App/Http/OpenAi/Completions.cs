using System.Text.Json;
using LlmService.Inference;

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
        CompletionAnswer answer = new(request, $"cmpl-{Guid.NewGuid():N}", sender.Now, new TokenTexts(engine.Tokenizer, request.Fields));
        await sender.SendAsync(context, engine, request.Fields, Requests(request, engine), answer);
    }

    private static IEnumerable<GenerationRequest> Requests(CompletionRequest request, LlmEngine engine)
    {
        SamplingParameters sampling = request.Fields.Apply(engine.DefaultSampling);
        return
            from prompt in request.Prompts
            from choice in Enumerable.Range(0, request.Fields.Choices)
            select new GenerationRequest
            {
                Prompt = prompt.Text,
                PromptTokenIds = prompt.TokenIds,
                MaxTokens = request.MaxTokens,
                Sampling = sampling,
                Stop = request.Fields.Stop,
                IgnoreEndTokens = request.Fields.IgnoreEndTokens,
                LogProbabilities = request.LogProbabilities,
                PromptLogProbabilities = request.Echo && request.LogProbabilities is not null,
                Choice = choice,
            };
    }
}
