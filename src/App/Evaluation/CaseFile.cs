using System.Text.Json;

namespace LlmService.App.Evaluation;

/// <summary>Reads a user's own cases: <c>[{"name", "text", "tags": []}]</c>, or an object with that list as <c>cases</c>.</summary>
internal static class CaseFile
{
    private const int MaxBytes = 16 * 1024 * 1024;
    private const int MaxDepth = 8;

    /// <summary>Reads and checks a file.</summary>
    /// <param name="path">The file, as it was named.</param>
    /// <param name="workingDirectory">Where relative paths begin.</param>
    /// <exception cref="AppException">invalid_request; every mistake names the file, the entry and the field.</exception>
    public static IReadOnlyList<EvaluationCase> Read(string path, string workingDirectory)
    {
        ReadOnlyMemory<byte> content = ReadBytes(path, Path.GetFullPath(path, workingDirectory));
        using JsonDocument document = JsonText.Parse(content, MaxDepth, $"{path}: the file", Invalid);
        List<string> mistakes = [];
        IReadOnlyList<EvaluationCase> cases = new CaseReader(mistakes).Read(document.RootElement);
        return mistakes.Count == 0 ? cases : throw Invalid($"{path}: {string.Join(" ", mistakes)}");
    }

    private static ReadOnlyMemory<byte> ReadBytes(string path, string fullPath)
    {
        if (!File.Exists(fullPath))
            throw Invalid($"{path}: there is no such file.");
        try
        {
            // Not by its length: a pipe has none.
            using FileStream file = File.OpenRead(fullPath);
            using MemoryStream content = new();
            byte[] buffer = new byte[64 * 1024];
            for (int read = file.Read(buffer); read > 0; read = file.Read(buffer))
            {
                content.Write(buffer, 0, read);
                if (content.Length > MaxBytes)
                    throw Invalid($"{path}: the file is larger than 16 MB.");
            }
            return content.GetBuffer().AsMemory(0, (int)content.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Invalid($"{path}: the file cannot be read; check its permissions.", e);
        }
    }

    private static AppException Invalid(string message, Exception? inner = null) =>
        new(FailureCode.InvalidRequest, $"--cases: {message}", inner) { Parameter = "--cases" };
}
