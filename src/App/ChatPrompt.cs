using LlmService.Inference;
using LlmService.Tokenizers.Chat;

namespace LlmService.App;

/// <summary>A conversation as a prompt: with the model's chat template, or plainly for a model that has none.</summary>
/// <param name="Text">What the model reads.</param>
/// <param name="TokenIds">Its tokens, where the template decided on them; null where the engine tokenizes as always.</param>
internal sealed record ChatPrompt(string Text, IReadOnlyList<int>? TokenIds)
{
    /// <summary>Renders a conversation for an engine that has a tokenizer.</summary>
    /// <exception cref="AppException">invalid_request; unsupported_parameter.</exception>
    /// <exception cref="InferenceException">ContextLengthExceeded: the prompt is far too long for the model.</exception>
    /// <exception cref="Tokenizers.TemplateException">The template does not accept the messages.</exception>
    public static ChatPrompt Render(LlmEngine engine, Conversation conversation, CancellationToken cancellationToken)
    {
        if (engine.ChatTemplateFailure is { } failure)
            throw failure;
        if (engine.ChatTemplate is not { } template)
            return RenderPlainly(engine, conversation);
        // A template that does not even print a user's text has shown nothing of what it can do.
        if (template.Abilities.Text || template.Abilities.ContentParts)
            Check(template.Abilities, conversation);
        RenderedChat chat = template.Render(new()
        {
            Messages = [.. conversation.Turns.Select(t => t.ToMessage(template.Abilities))],
            Tools = conversation.Tools,
            Documents = conversation.Documents,
            Variables = conversation.Variables,
            AddGenerationPrompt = conversation.AddGenerationPrompt,
            ContinueFinalMessage = conversation.ContinueFinalMessage,
            Now = conversation.Now,
        }, cancellationToken);
        engine.RequireRoom(chat.Text);
        return new(chat.Text, chat.Encode(engine.Tokenizer!).Ids);
    }

    private static void Check(ChatTemplateAbilities abilities, Conversation conversation)
    {
        for (int i = 0; i < conversation.Turns.Count; i++)
        {
            if (conversation.Turns[i].IsSystem && !abilities.SystemRole && !(conversation.Turns[i].Role == "developer" && abilities.DeveloperRole))
            {
                throw new AppException(FailureCode.InvalidRequest, "The chat template of this model has no place for a system message.")
                {
                    Parameter = $"messages[{i}].role",
                    Remedy = "Put the instructions into the first message of the user.",
                };
            }
        }
        if (conversation.Documents is not null && !abilities.Documents)
            throw Unsupported("documents", "The chat template of this model does not print documents.", "Put their text into a message.");
        if (conversation.Tools is not null && !abilities.Tools)
            throw Unsupported("tools", "The chat template of this model does not print tools.", "Leave the field out.");
    }

    private static ChatPrompt RenderPlainly(LlmEngine engine, Conversation conversation)
    {
        string? unused = conversation.Documents is not null ? "documents"
            : conversation.Tools is not null ? "tools"
            : conversation.Variables.Count > 0 ? "chat_template_kwargs"
            : conversation.ContinueFinalMessage ? "continue_final_message"
            : conversation.AddGenerationPrompt ? null : "add_generation_prompt";
        if (unused is not null)
            throw Unsupported(unused, $"This model has no chat template, which would do what '{unused}' asks for.", "Leave the field out.");
        return new(PlainChat.Render(conversation.Turns, engine.Model), null);
    }

    private static AppException Unsupported(string parameter, string message, string remedy) =>
        new(FailureCode.UnsupportedParameter, message) { Parameter = parameter, Remedy = remedy };
}
