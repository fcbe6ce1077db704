namespace LlmService.Hub;

/// <summary>One file of a repository at a commit.</summary>
/// <param name="Path">Path relative to the repository, with '/' between folders.</param>
/// <param name="SizeBytes">Size of the content.</param>
/// <param name="BlobId">Git SHA-1 of the blob (of the pointer, for LFS files).</param>
/// <param name="Sha256">SHA-256 of the content of an LFS file; null for an ordinary git file, or where the Hub masked it.</param>
public sealed record RepositoryFile(string Path, long SizeBytes, string? BlobId, string? Sha256);
