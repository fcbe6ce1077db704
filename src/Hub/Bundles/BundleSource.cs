namespace LlmService.Hub.Bundles;

/// <summary>What a bundle takes from a repository.</summary>
/// <param name="Repository">The repository at one commit.</param>
/// <param name="Paths">Its files, downloaded before.</param>
public sealed record BundleSource(ModelRepository Repository, IReadOnlyCollection<string> Paths);
