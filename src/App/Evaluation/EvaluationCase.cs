namespace LlmService.App.Evaluation;

/// <summary>A document and the tags that a good model gives it.</summary>
internal sealed record EvaluationCase(string Name, string Text, IReadOnlyList<string> Tags);
