using System.Text.Json;

namespace LlmService.Hub.Bundles;

/// <summary>Reads a manifest and refuses everything that is not as <see cref="BundleWriter"/> makes it.</summary>
internal static class ManifestReader
{
    private const int MaxModels = 1000;
    private const int MaxFiles = 500_000;
    private const int MaxRevisions = 16;

    /// <summary>Parses and checks.</summary>
    /// <exception cref="FormatException">The message names the model, the file and what is wrong.</exception>
    public static BundleManifest Read(ReadOnlySpan<byte> json)
    {
        BundleManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, BundleJson.Default.BundleManifest) ?? throw new FormatException("its manifest is empty");
        }
        catch (JsonException failure)
        {
            throw new FormatException($"its manifest is not readable (line {failure.LineNumber + 1})", failure);
        }
        if (manifest.Format != BundleManifest.ExpectedFormat || manifest.FormatVersion != BundleManifest.ExpectedVersion)
            throw new FormatException($"its manifest is not of the format {BundleManifest.ExpectedFormat} {BundleManifest.ExpectedVersion}");
        if (HasGaps(manifest))
            throw new FormatException("its manifest has a list with nothing in a place");
        if (manifest.Models.Count is 0 or > MaxModels || manifest.Models.Sum(m => (long)m.Files.Count + (m.Listing?.Count ?? 0)) > MaxFiles)
            throw new FormatException("its manifest has no models, or too many models or files");
        HashSet<(string, string)> seen = [];
        foreach (BundledModel model in manifest.Models)
        {
            Check(model);
            if (!seen.Add((model.Id, model.Commit)))
                throw new FormatException($"its manifest has '{model.Id}' twice");
        }
        return manifest;
    }

    /// <summary>What the archive must hold: each blob once.</summary>
    public static Dictionary<string, BundledFile> Blobs(BundleManifest manifest)
    {
        var blobs = new Dictionary<string, BundledFile>(StringComparer.Ordinal);
        foreach (BundledFile file in manifest.Models.SelectMany(model => model.Files))
        {
            if (!blobs.TryAdd(file.Blob, file) && (blobs[file.Blob].Size != file.Size || blobs[file.Blob].Sha256 != file.Sha256))
                throw new FormatException($"its manifest contradicts itself about '{file.Path}'");
        }
        return blobs;
    }

    // The reader of JSON takes a null in a list for whatever the list is of.
    private static bool HasGaps(BundleManifest manifest) => manifest.Models.Any(model => model is null
        || model.Files.Any(file => file is null) || model.Listing?.Any(file => file is null) == true
        || model.Revisions.Any(revision => revision is null) || model.LicenseFiles.Any(file => file is null));

    private static void Check(BundledModel model)
    {
        model.ToRepoId();
        if (!Hex.IsCommit(model.Commit))
            throw new FormatException($"its manifest has no commit for '{model.Id}'");
        if (model.Revisions.Count > MaxRevisions || !model.Revisions.All(revision => SafePath.IsSafe(revision) && !Hex.IsCommit(revision)))
            throw new FormatException($"its manifest has an unsafe revision for '{model.Id}'");
        CheckPaths(model);
        foreach (BundledFile file in model.Files)
        {
            bool named = Hex.IsSha256(file.Sha256) && (Hex.IsCommit(file.Blob) || file.Blob == file.Sha256);
            if (!named || file.Size < 0)
                throw new FormatException($"its manifest has no proper hash or size for '{file.Path}' of '{model.Id}'");
        }
        if (model.Listing is { } listing)
            CheckListing(model, listing);
    }

    private static void CheckPaths(BundledModel model)
    {
        // In any case of the letters, for the disks that ignore it; and no file may be where another one needs a folder.
        HashSet<string> paths = new(StringComparer.OrdinalIgnoreCase);
        foreach (BundledFile file in model.Files)
        {
            if (!SafePath.IsSafe(file.Path))
                throw new FormatException($"its manifest has an unsafe path for '{model.Id}'");
            if (!paths.Add(file.Path))
                throw new FormatException($"its manifest has '{file.Path}' of '{model.Id}' twice");
        }
        foreach (string path in model.Files.Select(file => file.Path))
        {
            for (int slash = path.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = path.IndexOf('/', slash + 1))
            {
                if (paths.Contains(path[..slash]))
                    throw new FormatException($"its manifest has '{path[..slash]}' of '{model.Id}' as a file and as a folder");
            }
        }
        if (!model.LicenseFiles.All(paths.Contains))
            throw new FormatException($"its manifest names a licence file of '{model.Id}' that it does not hold");
    }

    private static void CheckListing(BundledModel model, IReadOnlyList<ListedFile> listing)
    {
        var listed = new Dictionary<string, ListedFile>(StringComparer.Ordinal);
        foreach (ListedFile file in listing)
        {
            bool good = SafePath.IsSafe(file.Path) && file.Size >= 0
                && (file.BlobId is null || Hex.IsCommit(file.BlobId)) && (file.LfsSha256 is null || Hex.IsSha256(file.LfsSha256));
            if (!good || !listed.TryAdd(file.Path, file))
                throw new FormatException($"its manifest has a broken listing of '{model.Id}'");
        }
        foreach (BundledFile file in model.Files)
        {
            if (!listed.TryGetValue(file.Path, out ListedFile? entry) || entry.Size != file.Size || (entry.LfsSha256 ?? entry.BlobId) != file.Blob)
                throw new FormatException($"its manifest contradicts itself about '{file.Path}' of '{model.Id}'");
        }
    }
}
