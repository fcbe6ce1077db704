using System.Text.Json;
using System.Text.Unicode;

namespace LlmService.App;

/// <summary>Parses JSON that a user wrote, strictly: UTF-8, one value, no field twice. What is wrong is said with its place.</summary>
internal static class JsonText
{
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <summary>Parses one value.</summary>
    /// <param name="utf8">The text; a byte order mark is passed over.</param>
    /// <param name="maxDepth">How deep lists and objects may be nested.</param>
    /// <param name="what">What the text is, at the beginning of a sentence.</param>
    /// <param name="refuse">Makes the exception from a sentence and its cause.</param>
    public static JsonDocument Parse(ReadOnlyMemory<byte> utf8, int maxDepth, string what, Func<string, Exception?, AppException> refuse)
    {
        if (utf8.Span.StartsWith(ByteOrderMark))
            utf8 = utf8[ByteOrderMark.Length..];
        if (utf8.Span.Trim(" \t\r\n"u8).IsEmpty)
            throw refuse($"{what} is empty; JSON is expected.", null);
        if (!Utf8.IsValid(utf8.Span))
            throw refuse($"{what} is not valid UTF-8.", null);
        try
        {
            return JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = maxDepth, AllowDuplicateProperties = false });
        }
        catch (JsonException e) when (e.LineNumber is { } line && IsTooDeep(utf8.Span, maxDepth))
        {
            throw refuse($"{what} is nested more than {maxDepth} levels deep: line {line + 1}, byte {e.BytePositionInLine + 1}.", e);
        }
        catch (JsonException e) when (e.LineNumber is { } line)
        {
            throw refuse($"{what} is not valid JSON: line {line + 1}, byte {e.BytePositionInLine + 1}.", e);
        }
        catch (JsonException e)
        {
            // The only refusal without a place is a name that an object has twice.
            throw refuse($"{what} is ambiguous: an object has a field twice. {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            throw refuse($"{what} has a field name with half a surrogate pair (\\ud800 to \\udfff).", e);
        }
    }

    /// <summary>Whether a text is JSON up to the place where it is nested too deep.</summary>
    private static bool IsTooDeep(ReadOnlySpan<byte> utf8, int maxDepth)
    {
        Utf8JsonReader reader = new(utf8, new JsonReaderOptions { MaxDepth = maxDepth + 1 });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject && reader.CurrentDepth == maxDepth)
                    return true;
            }
        }
        catch (JsonException)
        {
            return false;
        }
        return false;
    }
}
