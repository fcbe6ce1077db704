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
        AnswerSender.Warn(context, request.Warnings);
        LlmEngine engine = models.Engine(request.Fields.Model);
        ChatPrompt prompt = Render(request.Conversation with { Now = sender.LocalNow }, engine, context.RequestAborted);
        Prompt shown = new(prompt.TokenIds is null ? prompt.Text : null, prompt.TokenIds);
        ChatAnswer answer = new(request, shown, $"chatcmpl-{Guid.NewGuid():N}", sender.Now, new TokenTexts(engine.Tokenizer, request.Fields));
        await sender.SendAsync(context, engine, request.Fields, request.Fields.Requests(engine, [Ask(request, shown)]), answer);
    }

    /// <summary>The prompt of a conversation.</summary>
    /// <exception cref="AppException">invalid_request: there is no tokenizer.</exception>
    public static ChatPrompt Render(Conversation conversation, LlmEngine engine, CancellationToken cancellationToken) => engine.Tokenizer is null
        ? throw RequestReader.Invalid("messages", "This service runs without a tokenizer, so it cannot read messages; send token ids to /v1/completions.")
        : ChatPrompt.Render(engine, conversation, cancellationToken);

    private static GenerationRequest Ask(ChatRequest request, Prompt prompt) => new()
    {
        Prompt = prompt.Text,
        PromptTokenIds = prompt.TokenIds,
        MaxTokens = request.MaxTokens,
        LogProbabilities = request.LogProbabilities,
    };
}
