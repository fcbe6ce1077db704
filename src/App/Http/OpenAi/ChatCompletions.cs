using System.Text.Json;
using LlmService.Inference;

namespace LlmService.App.Http.OpenAi;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
internal sealed class ChatCompletions(LoadedModels models, AnswerSender sender)
{
    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        ChatRequest request = ChatRequest.Read(body.RootElement);
        if (request.Warnings is { } warnings)
            context.Response.Headers[AnswerSender.WarningsHeader] = warnings;
        LlmEngine engine = models.Engine(request.Fields.Model);
        Prompt prompt = new(Render(request, engine), null);
        ChatAnswer answer = new(request, prompt, $"chatcmpl-{Guid.NewGuid():N}", sender.Now, new TokenTexts(engine.Tokenizer, request.Fields));
        await sender.SendAsync(context, engine, request.Fields, Requests(request, prompt, engine), answer);
    }

    private static string Render(ChatRequest request, LlmEngine engine)
    {
        if (engine.Tokenizer is null)
            throw RequestReader.Invalid("messages", "This service runs without a tokenizer, so it cannot read messages; send token ids to /v1/completions.");
        if (engine.TokenizerConfig.HasChatTemplate)
        {
            throw RequestReader.Unsupported("chat_template", $"'{request.Fields.Model}' has a chat template, which this service does not render yet.",
                "Write the prompt yourself and send it to /v1/completions.");
        }
        return PlainChat.Render(request.Turns, engine.Model);
    }

    private static IEnumerable<GenerationRequest> Requests(ChatRequest request, Prompt prompt, LlmEngine engine)
    {
        SamplingParameters sampling = request.Fields.Apply(engine.DefaultSampling);
        return Enumerable.Range(0, request.Fields.Choices).Select(choice => new GenerationRequest
        {
            Prompt = prompt.Text,
            MaxTokens = request.MaxTokens,
            Sampling = sampling,
            Stop = request.Fields.Stop,
            IgnoreEndTokens = request.Fields.IgnoreEndTokens,
            LogProbabilities = request.LogProbabilities,
            Choice = choice,
        });
    }
}
