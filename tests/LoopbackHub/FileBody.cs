using System.Globalization;
using System.IO.Compression;
using Microsoft.Net.Http.Headers;

namespace LlmService.LoopbackHub;

/// <summary>The bytes of a file: whole, a range of them, or compressed for callers that ask for that.</summary>
internal static class FileBody
{
    private const int PieceLength = 256 * 1024;

    /// <summary>Answers with a file.</summary>
    /// <param name="context">The request; a HEAD gets the headers only.</param>
    /// <param name="bytes">The content.</param>
    /// <param name="tag">The entity tag, without quotes.</param>
    /// <param name="name">The name for the user's disk.</param>
    public static async Task SendAsync(HttpContext context, ReadOnlyMemory<byte> bytes, string tag, string name)
    {
        HttpResponse response = context.Response;
        if (context.Request.Headers.IfNoneMatch == $"\"{tag}\"")
        {
            response.Headers.ETag = $"\"{tag}\"";
            response.StatusCode = 304;
            return;
        }
        response.Headers.ContentDisposition = $"inline; filename*=UTF-8''{Uri.EscapeDataString(name)}; filename=\"{Ascii(name)}\";";
        bool text = response.ContentType?.StartsWith("text/plain", StringComparison.Ordinal) == true;
        // Ranges are never compressed.
        if (text && context.Request.Headers.Range.Count == 0 && context.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
        {
            await CompressedAsync(context, bytes, tag);
            return;
        }
        response.Headers.ETag = $"\"{tag}\"";
        response.Headers.AcceptRanges = "bytes";
        (long from, long to) = (0, bytes.Length);
        if (RangeHeaderValue.TryParse(context.Request.Headers.Range.ToString(), out RangeHeaderValue? range) && range.Ranges.Count == 1)
        {
            RangeItemHeaderValue asked = range.Ranges.First();
            from = asked.From ?? bytes.Length - Math.Min(asked.To ?? 0, bytes.Length);
            to = asked.From is null ? bytes.Length : Math.Min(bytes.Length, (asked.To ?? bytes.Length) + 1);
            if (from >= to)
            {
                response.StatusCode = 416;
                response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes */{bytes.Length}");
                return;
            }
            response.StatusCode = 206;
            response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{to - 1}/{bytes.Length}");
        }
        response.ContentLength = to - from;
        // In pieces: Kestrel would copy the whole of one large write before it sends anything.
        for (long next = from; context.Request.Method != "HEAD" && next < to; next += PieceLength)
            await response.Body.WriteAsync(bytes[(int)next..(int)Math.Min(to, next + PieceLength)], context.RequestAborted);
    }

    // As the real Hub: a weak tag, no length, and ranges of the compressed form make no sense.
    private static async Task CompressedAsync(HttpContext context, ReadOnlyMemory<byte> bytes, string tag)
    {
        context.Response.Headers.ETag = $"W/\"{tag}\"";
        context.Response.Headers.ContentEncoding = "gzip";
        if (context.Request.Method == "HEAD")
            return;
        await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest, leaveOpen: true);
        await gzip.WriteAsync(bytes, context.RequestAborted);
    }

    private static string Ascii(string name) => string.Concat(name.Select(c => c is >= ' ' and < '\x7f' and not ('"' or '\\') ? c : '_'));
}
