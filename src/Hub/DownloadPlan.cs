namespace LlmService.Hub;

/// <summary>What a download would take.</summary>
/// <param name="FileCount">How many files.</param>
/// <param name="TotalBytes">Their size. Sizes come from the network and may add up to more than 64 bits hold.</param>
/// <param name="MissingFiles">How many of them the snapshot in the cache lacks.</param>
/// <param name="MissingBytes">What of their content has to come: a file that another snapshot has costs none.</param>
/// <param name="FreeBytes">What the disk of the cache has left; null when the system does not tell.</param>
public sealed record DownloadPlan(int FileCount, decimal TotalBytes, int MissingFiles, decimal MissingBytes, long? FreeBytes);
