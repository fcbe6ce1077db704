namespace LlmService.Hub;

/// <summary>Which origins (scheme, host, port) are the Hub, and which of them may see the token.</summary>
internal sealed class TrustedOrigins(Uri endpoint)
{
    private const string HubOrigin = "https://huggingface.co";
    private const string HubShortOrigin = "https://hf.co";

    private readonly string _origin = Origin(endpoint);

    public static string Origin(Uri uri) => $"{uri.Scheme}://{uri.IdnHost.ToLowerInvariant()}:{uri.Port}";

    public bool IsHub(Uri uri)
    {
        string origin = Origin(uri);
        return origin == _origin || (_origin == HubOrigin + ":443" && origin == HubShortOrigin + ":443");
    }

    public bool MayCarryToken(Uri uri) => IsHub(uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.IsLoopback);

    /// <summary>Never from https to http; http only to loopback or to the endpoint that the user chose.</summary>
    public bool AllowsRedirect(Uri from, Uri to) =>
        to.UserInfo.Length == 0
        && (to.Scheme == Uri.UriSchemeHttps
            || (to.Scheme == Uri.UriSchemeHttp && from.Scheme == Uri.UriSchemeHttp && (to.IsLoopback || IsHub(to))));
}
