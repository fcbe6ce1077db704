namespace LlmService.Tokenizers.Chat;

/// <summary>What a chat template can do.</summary>
/// <param name="SystemRole">It prints a system message.</param>
/// <param name="DeveloperRole">It knows the role <c>developer</c> by name, and prints its message.</param>
/// <param name="Text">It prints a content that is a text.</param>
/// <param name="ContentParts">It prints the texts of a content that is a list of parts.</param>
/// <param name="Tools">It prints the tools that a model may call.</param>
/// <param name="ToolResults">It prints the results of tools.</param>
/// <param name="Documents">It prints documents.</param>
/// <param name="ThinkingVariable">The variable that switches thinking on or off, such as <c>enable_thinking</c>; null when there is none.</param>
public sealed record ChatTemplateAbilities(
    bool SystemRole, bool DeveloperRole, bool Text, bool ContentParts, bool Tools, bool ToolResults, bool Documents, string? ThinkingVariable);
