using System.Text;
using LlmService.Inference;

namespace LlmService.App;

/// <summary>One message of a conversation, as text.</summary>
internal sealed record PlainMessage(string Role, string Content);

/// <summary>The rendering of a conversation for models without a chat template.</summary>
internal static class PlainChat
{
    /// <summary>Renders a conversation. Encoder-decoders get the system text and the last user message; others a transcript that ends with <c>Assistant:</c>.</summary>
    /// <exception cref="AppException">unsupported_parameter when the model has a chat template; invalid_request without a user message.</exception>
    public static string Render(LlmEngine engine, IReadOnlyList<PlainMessage> messages)
    {
        if (engine.Tokenizer is null)
            throw new AppException(FailureCode.InvalidRequest, "Chat needs a tokenizer, and this service was started with --skip-tokenizer-init.") { Parameter = "messages", Remedy = "Send token ids to /v1/completions." };
        if (engine.TokenizerConfig.HasChatTemplate)
        {
            throw new AppException(FailureCode.UnsupportedParameter, "This model has a chat template (chat_template), and chat templates are not supported yet.")
            {
                Parameter = "chat_template",
                Remedy = "Write the prompt in the model's own format and send it to /v1/completions.",
            };
        }
        if (!messages.Any(m => m.Role == "user"))
            throw new AppException(FailureCode.InvalidRequest, "The messages hold no message of the role 'user'.") { Parameter = "messages" };
        return engine.Model.IsEncoderDecoder ? LastQuestion(messages) : Transcript(messages);
    }

    private static string LastQuestion(IReadOnlyList<PlainMessage> messages)
    {
        IEnumerable<string> instructions = messages.Where(m => IsSystem(m.Role)).Select(m => m.Content);
        return string.Join("\n\n", instructions.Append(messages.Last(m => m.Role == "user").Content).Where(t => t.Length > 0));
    }

    private static string Transcript(IReadOnlyList<PlainMessage> messages)
    {
        StringBuilder text = new();
        foreach (PlainMessage message in messages)
        {
            string name = message.Role switch { "user" => "User: ", "assistant" => "Assistant: ", "tool" => "Tool: ", _ => "" };
            text.Append(name).Append(message.Content).Append('\n');
        }
        return text.Append("Assistant:").ToString();
    }

    private static bool IsSystem(string role) => role is "system" or "developer";
}
