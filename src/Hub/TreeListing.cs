namespace LlmService.Hub;

/// <summary>Reads the recursive listing of a commit, page by page.</summary>
internal static class TreeListing
{
    private const int MaxPages = 1000;
    private const int MaxFiles = 500_000;

    /// <summary>The files, sorted by path; whether the Hub masked some of their hashes; and whether all are there. A path that must not
    /// become one on disk is left out: git allows names that other systems do not, and a file that nobody loads must not stop a model.</summary>
    public static async Task<(List<RepositoryFile> Files, bool Masked, bool Whole)> ReadAsync(
        RepositoryAccess access, RepoId id, string commit, Subject subject, CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, RepositoryFile>(StringComparer.Ordinal);
        HashSet<string> visited = [];
        bool masked = false;
        bool whole = true;
        for (Uri? page = access.Urls.Tree(id, commit); page is not null;)
        {
            if (visited.Count == MaxPages || !visited.Add(page.AbsoluteUri))
                throw Explanations.NotTheHub(access.Options, subject, "the pages of the listing do not end");
            (List<TreeEntry> entries, HubAnswer answer) = await access
                .GetJsonAsync(new HubRequest(HttpMethod.Get, page, subject), HubJson.Default.ListTreeEntry, cancellationToken).ConfigureAwait(false);
            foreach (TreeEntry entry in entries.Where(e => e?.Type == "file"))
            {
                if (entry.Path is not null && !SafePath.IsSafe(entry.Path))
                {
                    whole = false;
                    continue;
                }
                RepositoryFile file = Check(access.Options, subject, entry);
                masked |= Hex.IsMasked(entry.Lfs?.Oid);
                if (!files.TryAdd(file.Path, file) || files.Count > MaxFiles)
                    throw Explanations.NotTheHub(access.Options, subject, "the listing repeats itself or is too long");
            }
            page = Next(access, subject, page, answer.Response);
        }
        RefuseCollisions(access.Options, subject, files.Keys);
        return ([.. files.Values.OrderBy(f => f.Path, StringComparer.Ordinal)], masked, whole);
    }

    private static Uri? Next(RepositoryAccess access, Subject subject, Uri page, HttpResponseMessage response)
    {
        if (HubHeaders.NextLink(response) is not { } link)
            return null;
        if (!Uri.TryCreate(page, link, out Uri? next))
            throw Explanations.NotTheHub(access.Options, subject, "the listing names a broken next page");
        return access.Urls.Rebase(next);
    }

    private static RepositoryFile Check(HubOptions options, Subject subject, TreeEntry entry)
    {
        if (entry.Path is null)
            throw Explanations.NotTheHub(options, subject, "the listing has a file without a path");
        long size = entry.Lfs?.Size ?? entry.Size;
        bool knownHash = entry.Lfs is null || Hex.IsSha256(entry.Lfs.Oid) || Hex.IsMasked(entry.Lfs.Oid);
        if (size < 0 || !knownHash || !Hex.IsCommit(entry.Oid))
            throw Explanations.NotTheHub(options, subject, "the listing has a broken size or hash");
        // A masked LFS file keeps no blob id either: that id is of the pointer, not of the content.
        return new RepositoryFile(entry.Path, size, Hex.IsMasked(entry.Lfs?.Oid) ? null : entry.Oid, Hex.IsSha256(entry.Lfs?.Oid) ? entry.Lfs!.Oid : null);
    }

    // On disks that ignore case one file would silently replace the other.
    private static void RefuseCollisions(HubOptions options, Subject subject, IEnumerable<string> paths)
    {
        if (OperatingSystem.IsLinux())
            return;
        HashSet<string> seen = new(StringComparer.OrdinalIgnoreCase);
        if (!paths.All(seen.Add))
            throw Explanations.NotTheHub(options, subject, "the listing has paths that differ only in case");
    }
}
