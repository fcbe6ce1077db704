namespace LlmService.Hub;

/// <summary>What a download would take.</summary>
/// <param name="FileCount">How many files.</param>
/// <param name="TotalBytes">Their size. Sizes come from the network and may add up to more than 64 bits hold.</param>
/// <param name="MissingBytes">What of it is not in the cache yet.</param>
/// <param name="FreeBytes">What the disk of the cache has left; null when the system does not tell.</param>
public sealed record DownloadPlan(int FileCount, decimal TotalBytes, decimal MissingBytes, long? FreeBytes);
