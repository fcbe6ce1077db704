using System.Text;
using LlmService.Inference.Execution;

namespace LlmService.App;

/// <summary>How a conversation becomes a prompt for a model that has no chat template.</summary>
/// <remarks>
/// Encoder-decoders take one instruction: the last user message, with the system text on the lines before it.
/// Decoder-only base models continue a transcript: the system text, then a line <c>User: …</c>, <c>Assistant: …</c> or <c>Tool: …</c>
/// for each message, and <c>Assistant:</c> at the end.
/// </remarks>
internal static class PlainChat
{
    /// <exception cref="AppException">invalid_request: no user message.</exception>
    public static string Render(IReadOnlyList<ChatTurn> turns, ModelDescription model)
    {
        ChatTurn lastUser = turns.LastOrDefault(t => t.Role == "user")
            ?? throw new AppException(FailureCode.InvalidRequest, "The conversation has no message of the role 'user'.") { Parameter = "messages" };
        StringBuilder prompt = new();
        foreach (ChatTurn turn in turns.Where(t => t.IsSystem && t.Text.Length > 0))
            prompt.Append(turn.Text).Append('\n');
        if (model.IsEncoderDecoder)
            return prompt.Append(lastUser.Text).ToString();
        foreach (ChatTurn turn in turns.Where(t => !t.IsSystem))
            prompt.Append(Speaker(turn.Role)).Append(": ").Append(turn.Text).Append('\n');
        return prompt.Append("Assistant:").ToString();
    }

    private static string Speaker(string role) => role switch
    {
        "user" => "User",
        "assistant" => "Assistant",
        "tool" => "Tool",
        _ => throw new InvalidOperationException($"unknown role {role}"),
    };
}
