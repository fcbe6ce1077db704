using System.Globalization;
using System.Net.Http.Headers;

namespace LlmService.Hub;

/// <summary>Raw header values: the typed properties of .NET are null for the odd forms that servers send.</summary>
internal static class HubHeaders
{
    private const int MaxValueLength = 2048;
    private const int MaxAddressLength = 16 * 1024;

    public static string? Get(HttpResponseMessage response, string name) => Get(response, name, MaxValueLength);

    public static string? Location(HttpResponseMessage response) => Get(response, "Location", MaxAddressLength);

    public static string? Commit(HttpResponseMessage response) =>
        Get(response, "X-Repo-Commit") is { } commit && Hex.IsCommit(commit) ? commit : null;

    public static string? RequestId(HttpResponseMessage response) =>
        Get(response, "X-Request-Id") ?? Get(response, "X-Amzn-Trace-Id") ?? Get(response, "x-amz-cf-id");

    public static string? MediaType(HttpResponseMessage response) =>
        Get(response, "Content-Type")?.Split(';')[0].Trim().ToLowerInvariant();

    /// <summary>The entity tag of the file itself, without weakness mark and quotes.</summary>
    public static string? FileTag(HttpResponseMessage response)
    {
        string? tag = Get(response, "X-Linked-ETag") ?? Get(response, "ETag");
        if (tag is null)
            return null;
        if (tag.StartsWith("W/", StringComparison.Ordinal))
            tag = tag[2..];
        return tag.Trim('"');
    }

    /// <summary>Whether the Hub itself names the tag, as it does beside redirects.</summary>
    public static bool HasLinkedTag(HttpResponseMessage response) => Get(response, "X-Linked-ETag") is not null;

    /// <summary>The size of the file; the length of a redirect's little text body is not it.</summary>
    public static long? FileSize(HttpResponseMessage response)
    {
        bool redirect = (int)response.StatusCode is >= 300 and < 400;
        string? text = Get(response, "X-Linked-Size") ?? (redirect ? null : Get(response, "Content-Length"));
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : null;
    }

    /// <summary>The <c>rel="next"</c> of a Link header.</summary>
    public static string? NextLink(HttpResponseMessage response)
    {
        foreach (string part in (Get(response, "Link", MaxAddressLength) ?? "").Split(", <"))
        {
            int end = part.IndexOf('>', StringComparison.Ordinal);
            if (end > 0 && part[end..].Contains("rel=\"next\"", StringComparison.OrdinalIgnoreCase))
                return part[..end].TrimStart('<', ' ');
        }
        return null;
    }

    /// <summary>Every value of a header that may stand several times, each of a sane length.</summary>
    public static IEnumerable<string> All(HttpResponseMessage response, string name) =>
        response.Headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values.Where(value => value.Length <= MaxValueLength) : [];

    private static string? Get(HttpResponseMessage response, string name, int maxLength)
    {
        string? value = First(response.Headers, name) ?? First(response.Content.Headers, name);
        return value is null || value.Length > maxLength ? null : value.Trim();
    }

    private static string? First(HttpHeaders headers, string name) =>
        headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? string.Join(", ", values) : null;
}
