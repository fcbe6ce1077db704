namespace LlmService.Hub;

/// <summary>Finds a revision; where there is none of that name, says which there are.</summary>
internal static class RevisionListing
{
    private const int MaxNames = 50;
    private const int MaxLength = 128;

    public static async Task<RevisionInfo> FindAsync(RepositoryAccess access, Subject subject, CancellationToken cancellationToken)
    {
        try
        {
            var request = new HubRequest(HttpMethod.Get, access.Urls.Revision(subject.Repository, subject.Revision), subject);
            return (await access.GetJsonAsync(request, HubJson.Default.RevisionInfo, cancellationToken).ConfigureAwait(false)).Value;
        }
        catch (HubException missing) when (missing.Diagnosis == HubDiagnosis.RevisionNotFound)
        {
            IReadOnlyList<string> names = await NamesAsync(access, subject, cancellationToken).ConfigureAwait(false);
            throw missing.With(facts => facts with { Revisions = names });
        }
    }

    /// <summary>Branches, then tags; nothing when the Hub does not say.</summary>
    private static async Task<IReadOnlyList<string>> NamesAsync(RepositoryAccess access, Subject subject, CancellationToken cancellationToken)
    {
        try
        {
            var request = new HubRequest(HttpMethod.Get, access.Urls.Revisions(subject.Repository), subject with { Target = Target.Listing }) { Once = true };
            (RevisionList list, _) = await access.GetJsonAsync(request, HubJson.Default.RevisionList, cancellationToken).ConfigureAwait(false);
            return [.. (list.Branches ?? []).Concat(list.Tags ?? []).Select(revision => revision?.Name)
                .Where(name => name is { Length: > 0 and <= MaxLength } && !name.Any(char.IsControl)).Take(MaxNames)!];
        }
        catch (HubException)
        {
            // That the revision is missing is what the caller must hear of, not this.
            return [];
        }
    }
}
