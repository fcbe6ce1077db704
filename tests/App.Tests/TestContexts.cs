namespace LlmService.App.Tests;

/// <summary>Process contexts that touch nothing of the machine but one folder.</summary>
internal static class TestContexts
{
    public static ProcessContext Create(string folder, IReadOnlyDictionary<string, string>? variables = null, string input = "") => new()
    {
        Variables = variables ?? new Dictionary<string, string>(),
        WorkingDirectory = folder,
        HomeDirectory = folder,
        In = new StringReader(input),
        Out = SecretWatch.Writer(),
        Error = SecretWatch.Writer(),
    };
}
