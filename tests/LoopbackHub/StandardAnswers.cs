using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>What the Hub puts on its answers whatever they say, read from headers.json.</summary>
internal static class StandardAnswers
{
    private static readonly JsonObject Table = JsonNode.Parse(
        typeof(StandardAnswers).Assembly.GetManifestResourceStream("headers.json")!)!.AsObject();

    /// <summary>The text of a redirect has a length of its own, which is not that of the file.</summary>
    public static long RedirectTextLength { get; } = Table["redirectTextLength"]!.GetValue<long>();

    /// <summary>The tag of the content host: another hash that looks like a SHA-256 and is none.</summary>
    public static string ContentTag { get; } = Table["contentTag"]!.GetValue<string>();

    private static readonly HashSet<string> OpenFiles = [.. Table["openFilesOfAGate"]!.AsArray().Select(name => name!.GetValue<string>())];

    /// <summary>Files in the root of a gated repository that everybody may read.</summary>
    public static bool PassesTheGate(string path) => OpenFiles.Contains(path);

    /// <summary>Puts the headers of every answer of the Hub.</summary>
    public static void Put(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        string bucket = context.Request.Path.Value!.Contains("/resolve/", StringComparison.Ordinal) ? "resolvers" : "api";
        foreach (JsonObject set in new[] { Table["hub"]!.AsObject(), Table["quota"]![bucket]!.AsObject() })
        {
            foreach ((string name, JsonNode? value) in set)
                headers[name] = value!.GetValue<string>();
        }
        string trace = context.Request.Headers["X-Amzn-Trace-Id"].ToString();
        headers["X-Request-Id"] = Table["requestId"]!.GetValue<string>() + (trace.Length > 0 ? ";" + trace : "");
    }
}
