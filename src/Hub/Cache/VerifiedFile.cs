namespace LlmService.Hub.Cache;

/// <summary>What became of one file of the cache when it was hashed.</summary>
/// <param name="Path">Path relative to the repository; <c>blobs/NAME</c> for a blob that no snapshot uses.</param>
/// <param name="Commit">The commit; null for such a blob.</param>
/// <param name="SizeBytes">Size on disk; null when it is not there.</param>
/// <param name="Status">The verdict.</param>
/// <param name="Expected">The hash that it should have, 40 or 64 hex digits; null when nobody told it.</param>
/// <param name="Location">The file that holds the bytes.</param>
public sealed record VerifiedFile(string Path, string? Commit, long? SizeBytes, VerifiedStatus Status, string? Expected, string Location);

/// <summary>The verdict on a file of the cache.</summary>
public enum VerifiedStatus
{
    /// <summary>It has the hash and the size that the repository promises.</summary>
    Ok,
    /// <summary>It has not.</summary>
    Corrupt,
    /// <summary>The snapshot has a link whose target is gone.</summary>
    Missing,
    /// <summary>The cache does not know its hash: neither a stored listing nor a blob's name tells it.</summary>
    Unknown,
}
