namespace LlmService.Hub.Bundles;

/// <summary>What a bundle holds: the first file of the archive, <c>manifest.json</c>.</summary>
/// <param name="Format">Always <c>llm-service-bundle</c>.</param>
/// <param name="FormatVersion">1.</param>
/// <param name="Models">The models, sorted by id and commit (ordinal).</param>
public sealed record BundleManifest(string Format, int FormatVersion, IReadOnlyList<BundledModel> Models)
{
    internal const string ExpectedFormat = "llm-service-bundle";
    internal const int ExpectedVersion = 1;
}

/// <summary>One commit of one model.</summary>
/// <param name="Id">The id, <c>owner/name</c>.</param>
/// <param name="Commit">The commit, 40 hex digits.</param>
/// <param name="Revisions">The branch or tag that it was bundled as; empty when it was asked for by commit.</param>
/// <param name="License">The licence as the model card names it, such as <c>apache-2.0</c>; null when it names none.</param>
/// <param name="LicenseFiles">The files among <paramref name="Files"/> with the terms.</param>
/// <param name="Files">The files, sorted by path (ordinal).</param>
/// <param name="Listing">All files of the commit, also those that are not bundled; null when the cache did not know them.</param>
public sealed record BundledModel(
    string Id, string Commit, IReadOnlyList<string> Revisions, string? License, IReadOnlyList<string> LicenseFiles,
    IReadOnlyList<BundledFile> Files, IReadOnlyList<ListedFile>? Listing)
{
    internal RepoId ToRepoId() => RepoId.TryParse(Id, out RepoId id) ? id : throw new FormatException("its manifest has an id that no model has");
}

/// <summary>One file of a model. Its bytes are in the archive as <c>blobs/BLOB</c>, once for all files that share them.</summary>
/// <param name="Path">Path relative to the repository, with '/' between folders.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="Sha256">SHA-256 of the content.</param>
/// <param name="Blob">The name in the cache: the same SHA-256, or git's SHA-1 for files that are not in LFS.</param>
public sealed record BundledFile(string Path, long Size, string Sha256, string Blob);

/// <summary>One file of the repository, as its listing tells.</summary>
/// <param name="Path">Path relative to the repository.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="BlobId">Git's SHA-1 of the blob (of the pointer, for LFS files).</param>
/// <param name="LfsSha256">SHA-256 of the content of an LFS file; null for others.</param>
public sealed record ListedFile(string Path, long Size, string? BlobId, string? LfsSha256);
