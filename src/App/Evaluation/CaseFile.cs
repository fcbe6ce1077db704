using System.Text.Json;
using System.Text.Unicode;

namespace LlmService.App.Evaluation;

/// <summary>Reads a user's own cases: <c>[{"name", "text", "tags": []}]</c>, or an object with that list as <c>cases</c>.</summary>
internal static class CaseFile
{
    private const int MaxBytes = 16 * 1024 * 1024;
    private const int MaxDepth = 8;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Reads and checks a file.</summary>
    /// <param name="path">The file, as it was named.</param>
    /// <param name="workingDirectory">Where relative paths begin.</param>
    /// <exception cref="AppException">invalid_request; every mistake names the file, the entry and the field.</exception>
    public static IReadOnlyList<EvaluationCase> Read(string path, string workingDirectory)
    {
        ReadOnlyMemory<byte> content = ReadBytes(path, Path.GetFullPath(path, workingDirectory));
        if (content.Span.StartsWith(ByteOrderMark))
            content = content[ByteOrderMark.Length..];
        using JsonDocument document = Parse(path, content);
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

    private static JsonDocument Parse(string path, ReadOnlyMemory<byte> content)
    {
        if (!Utf8.IsValid(content.Span))
            throw Invalid($"{path}: the file is not valid UTF-8.");
        try
        {
            return JsonDocument.Parse(content, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
        }
        catch (JsonException e) when (e.LineNumber is { } line)
        {
            throw Invalid($"{path}: not valid JSON, line {line + 1}, byte {e.BytePositionInLine + 1}.", e);
        }
        catch (JsonException e)
        {
            // The only refusal without a place is a name that an object has twice.
            throw Invalid($"{path}: an entry has a field twice. {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            throw Invalid($"{path}: a field name has half a surrogate pair (\\ud800 to \\udfff).", e);
        }
    }

    private static AppException Invalid(string message, Exception? inner = null) =>
        new(FailureCode.InvalidRequest, $"--cases: {message}", inner) { Parameter = "--cases" };
}
