namespace LlmService.Hub.Bundles;

/// <summary>Models in one file, for machines without a network: a tar archive with a manifest of commits, hashes and licences.</summary>
public static class Bundle
{
    /// <summary>The files of a repository that have its terms: the model card, and licence files of the usual names.</summary>
    public static IReadOnlyList<string> LicenseFiles(ModelRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        return [.. repository.Files.Select(file => file.Path).Where(path => path == ModelCard.FileName || BundleLicense.IsLicenseFile(path))];
    }

    /// <summary>Makes a bundle of files that are in the cache. The same files give the same bytes.</summary>
    /// <param name="path">The archive; replaced when it is there.</param>
    /// <param name="sources">Repositories, with files that were downloaded before.</param>
    /// <param name="cancellationToken">Stops the work; nothing is left then.</param>
    /// <exception cref="HubException">BadBundle: a cached file is missing or damaged.</exception>
    /// <exception cref="IOException">The archive cannot be written.</exception>
    public static Task<BundleContent> CreateAsync(string path, IReadOnlyCollection<BundleSource> sources, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(sources);
        if (sources.Count == 0)
            throw new ArgumentException("A bundle needs at least one model.", nameof(sources));
        return new BundleWriter(path).WriteAsync(sources, cancellationToken);
    }

    /// <summary>Checks a bundle as <see cref="InstallAsync"/> does, without installing it.</summary>
    /// <exception cref="HubException">BadBundle, with the reason.</exception>
    /// <exception cref="IOException">The archive cannot be read.</exception>
    public static Task<BundleContent> VerifyAsync(string path, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new BundleReader(path).ReadAsync(_ => { }, _ => Stream.Null, cancellationToken);
    }

    /// <summary>Installs the models of a bundle into the cache; all of it is checked before anything appears there.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="options">The cache folder counts, and whether it may have links. No network is used.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="HubException">BadBundle, with the reason; DiskFull.</exception>
    /// <exception cref="IOException">The archive cannot be read, or the cache cannot be written.</exception>
    public static Task<BundleContent> InstallAsync(string path, HubOptions options, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(options);
        return new BundleInstallation(path, options).RunAsync(cancellationToken);
    }
}
