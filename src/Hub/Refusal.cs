using System.Text;
using System.Text.Json;

namespace LlmService.Hub;

/// <summary>The facts of an answer that is not the one hoped for.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The Hub's own code; null without one.</param>
/// <param name="Message">The Hub's sentence, cleaned; empty without one.</param>
/// <param name="Page">What a page for people, which the Hub never sends here, looks like; null for other answers.</param>
/// <param name="Token">The token that was sent.</param>
/// <param name="RequestId">The id to quote.</param>
/// <param name="RetryAfter">When to ask again.</param>
internal sealed record Refusal(int Status, string? Code, string Message, string? Page, HubToken? Token, string? RequestId, TimeSpan? RetryAfter)
{
    private const int MaxBodyBytes = 64 * 1024;

    public bool TokenSent => Token is not null;

    private const int MaxMessageLength = 500;

    /// <summary>The same without the repository's name in the message: names may hold the words that are looked for.</summary>
    public Refusal Without(RepoId repository) =>
        repository.IsBare ? this : this with { Message = Message.Replace(repository.Value, "", StringComparison.OrdinalIgnoreCase) };

    public static async Task<Refusal> ReadAsync(HubAnswer answer, HubOptions options, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = answer.Response;
        string? page = ForeignPage.IsHtml(response) ? await ForeignPage.DescribeAsync(answer, options, cancellationToken).ConfigureAwait(false) : null;
        string? message = HubHeaders.Get(response, "X-Error-Message");
        if (message is null && page is null)
            message = await BodyAsync(response, options, cancellationToken).ConfigureAwait(false);
        return new Refusal(
            answer.Status,
            HubHeaders.Get(response, "X-Error-Code"),
            Clean(message ?? "", answer.Token),
            page,
            answer.Token,
            HubHeaders.RequestId(response) is { } id ? Clean(id, answer.Token) : null,
            RetryPolicy.AskedWait(response, options.TimeProvider.GetUtcNow()));
    }

    /// <summary>No control characters, no token that a server echoes, and a sane length.</summary>
    public static string Clean(string text, HubToken? token)
    {
        if (token is not null)
            text = text.Replace(token.Secret.Reveal(), "[token]", StringComparison.Ordinal);
        string printable = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return printable.Length <= MaxMessageLength ? printable : printable[..MaxMessageLength];
    }

    private static async Task<string?> BodyAsync(HttpResponseMessage response, HubOptions options, CancellationToken cancellationToken)
    {
        try
        {
            byte[]? body = await BoundedContent.ReadAsync(response, MaxBodyBytes, options.MetadataTimeout, cancellationToken).ConfigureAwait(false);
            if (body is null || HubHeaders.MediaType(response) is not ("application/json" or "text/plain"))
                return null;
            return HubHeaders.MediaType(response) == "application/json"
                ? JsonSerializer.Deserialize(body, HubJson.Default.ErrorBody)?.Error
                : Encoding.UTF8.GetString(body);
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException or JsonException
            || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The status and the headers are enough for a diagnosis.
            return null;
        }
    }
}
