namespace LlmService.Hub.Cache;

/// <summary>A model of which something lies in the cache.</summary>
public sealed record CachedModel
{
    /// <summary>The repository.</summary>
    public required RepoId Id { get; init; }

    /// <summary>The folder of the cache that belongs to it.</summary>
    public required string Folder { get; init; }

    /// <summary>The commits of which files are there, in order of their names.</summary>
    public required IReadOnlyList<CachedSnapshot> Snapshots { get; init; }

    /// <summary>Bytes on disk; what several snapshots share counts once, what other repositories share not at all.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Bytes on disk of downloads that were not completed; a part of <see cref="SizeBytes"/>.</summary>
    public required long PartialBytes { get; init; }
}

/// <summary>One commit of a cached model.</summary>
public sealed record CachedSnapshot
{
    /// <summary>The commit: 40 hex digits, or whatever other clients called the folder.</summary>
    public required string Commit { get; init; }

    /// <summary>The folder that a program loads the model from.</summary>
    public required string Folder { get; init; }

    /// <summary>The branches and tags that had this commit when they were last seen.</summary>
    public required IReadOnlyList<string> Revisions { get; init; }

    /// <summary>The files, sorted by path (ordinal).</summary>
    public required IReadOnlyList<CachedFile> Files { get; init; }

    /// <summary>Bytes of all files; those that are missing count nothing.</summary>
    public long SizeBytes => Files.Sum(file => file.SizeBytes ?? 0);
}

/// <summary>One file of a snapshot.</summary>
/// <param name="Path">Path relative to the repository, with '/' between folders.</param>
/// <param name="SizeBytes">Size of the content; null when the snapshot has a link whose target is gone.</param>
/// <param name="Blob">The name of its blob; null for a file that lies in the snapshot itself.</param>
public sealed record CachedFile(string Path, long? SizeBytes, string? Blob);
