using System.Text;
using System.Text.RegularExpressions;

namespace LlmService.Hub;

/// <summary>Describes an answer that is not the Hub's: who gave it, and what a person would see in a browser.</summary>
internal static partial class ForeignPage
{
    private const int MaxBytes = 1024 * 1024;
    private const int MaxTitleLength = 100;

    /// <summary>Whether the answer is a page for people.</summary>
    public static bool IsHtml(HttpResponseMessage response) => HubHeaders.MediaType(response) is "text/html" or "application/xhtml+xml";

    /// <summary>Host, status and content type in a few words; of a page also its title.</summary>
    public static async Task<string> DescribeAsync(HubAnswer answer, HubOptions options, CancellationToken cancellationToken)
    {
        string type = Refusal.Clean(HubHeaders.MediaType(answer.Response) ?? "no content type", answer.Token);
        string? title = IsHtml(answer.Response) ? await TitleAsync(answer, options, cancellationToken).ConfigureAwait(false) : null;
        return $"{TrustedOrigins.Origin(answer.Uri)} answered {answer.Status} with {type}{(title is null ? "" : $", a page titled '{title}'")}";
    }

    private static async Task<string?> TitleAsync(HubAnswer answer, HubOptions options, CancellationToken cancellationToken)
    {
        try
        {
            byte[]? body = await BoundedContent.ReadAsync(answer.Response, MaxBytes, options.MetadataTimeout, cancellationToken).ConfigureAwait(false);
            Match title = Title().Match(body is null ? "" : Encoding.UTF8.GetString(body));
            string text = Refusal.Clean(title.Groups[1].Value, answer.Token);
            return text.Length == 0 ? null : text.Length <= MaxTitleLength ? text : text[..MaxTitleLength] + "…";
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The host and the type say enough.
            return null;
        }
    }

    [GeneratedRegex("<title[^<>]{0,200}>([^<]{0,1000})", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Title();
}
