using System.Text.Json;
using LlmService.App.Http.OpenAi;
using LlmService.Inference;

namespace LlmService.App.Http;

/// <summary><c>POST /apply-template</c>: the prompt that a chat would have, and its tokens.</summary>
internal sealed class ApplyTemplateEndpoint(LoadedModels models, TimeProvider timeProvider)
{
    public async Task PostAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadAsync(context);
        RequestReader reader = new(body.RootElement, FieldTable.ApplyTemplate);
        string model = models.ReadId(reader);
        Conversation conversation = ConversationFields.Read(reader) with { Now = timeProvider.GetLocalNow().DateTime };
        AnswerSender.Warn(context, reader.Warnings);
        LlmEngine engine = models.Engine(model);
        ChatPrompt prompt = ChatCompletions.Render(conversation, engine, context.RequestAborted);
        IReadOnlyList<int> ids = prompt.TokenIds ?? engine.Tokenizer!.Encode(prompt.Text).Ids;
        await JsonAnswer.WriteAsync(context, StatusCodes.Status200OK, json => Write(json, model, prompt.Text, ids));
    }

    private static void Write(Utf8JsonWriter json, string model, string prompt, IReadOnlyList<int> ids)
    {
        json.WriteString("model", model);
        json.WriteString("prompt", prompt);
        json.WriteNumber("count", ids.Count);
        json.WriteStartArray("tokens");
        foreach (int id in ids)
            json.WriteNumberValue(id);
        json.WriteEndArray();
    }
}
