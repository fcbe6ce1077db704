namespace LlmService.Hub;

/// <summary>The addresses of the endpoint. Every part is escaped, so that no name can leave its place in the path.</summary>
internal sealed class HubUrls(Uri endpoint)
{
    private readonly string _root = endpoint.AbsoluteUri.TrimEnd('/');

    public Uri Revision(RepoId id, string revision) => new($"{_root}/api/models/{id}/revision/{Uri.EscapeDataString(revision)}");

    public Uri Tree(RepoId id, string commit) => new($"{_root}/api/models/{id}/tree/{commit}?recursive=true");

    public Uri AccessCheck(RepoId id) => new($"{_root}/api/models/{id}/auth-check");

    public Uri Revisions(RepoId id) => new($"{_root}/api/models/{id}/refs");

    public Uri WhoAmI() => new($"{_root}/api/whoami-v2");

    public Uri Resolve(RepoId id, string commit, string path) =>
        new($"{_root}/{id}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Moves a link onto the endpoint: mirrors copy the Hub's own links, and the token must not follow them.</summary>
    public Uri Rebase(Uri link)
    {
        string prefix = endpoint.AbsolutePath.TrimEnd('/');
        string pathAndQuery = link.PathAndQuery;
        return new Uri(_root + (prefix.Length > 0 && pathAndQuery.StartsWith(prefix + "/", StringComparison.Ordinal)
            ? pathAndQuery[prefix.Length..]
            : pathAndQuery));
    }
}
