using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>What the Hub says of a repository beside its files.</summary>
internal static class RepositoryAnswers
{
    // What a caller may ask for one by one; the first of them an ordinary answer has too.
    private static readonly string[] Expandable =
        ["private", "gated", "disabled", "sha", "tags", "siblings", "modelId", "author", "createdAt", "lastModified", "downloads", "likes", "pipeline_tag", "library_name"];

    /// <summary>The answer of model info: all of it, or the fields that the query names; null when it names one that there is not.</summary>
    public static JsonObject? Info(Repository repository, string id, IQueryCollection query)
    {
        string[] wanted = [.. query["expand"].OfType<string>()];
        if (wanted.Except(Expandable).Any())
            return null;
        JsonObject info = Info(repository, id, withBlobs: query["blobs"] == "true");
        if (wanted.Length == 0)
            return info;
        info["author"] = id.Split('/')[0];
        (info["createdAt"], info["lastModified"]) = ("2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05.000Z");
        (info["downloads"], info["likes"]) = (0, 0);
        (info["pipeline_tag"], info["library_name"]) = ("text-generation", "transformers");
        foreach (string name in Expandable.Except(wanted))
            info.Remove(name);
        return info;
    }

    /// <summary>The answer to a question for a field that there is not.</summary>
    public static JsonObject UnknownField() => new() { ["error"] = $"Invalid expand; one of {string.Join(", ", Expandable)} was expected" };

    private static JsonObject Info(Repository repository, string id, bool withBlobs) => new()
    {
        ["_id"] = "0123456789abcdef01234567",
        ["id"] = id,
        ["modelId"] = id,
        ["private"] = repository.Private,
        ["gated"] = repository.Gated ? JsonValue.Create(repository.AutoGate ? "auto" : "manual") : JsonValue.Create(false),
        ["disabled"] = repository.Disabled,
        ["sha"] = repository.Commit,
        ["tags"] = new JsonArray("license:apache-2.0"),
        ["siblings"] = new JsonArray([.. repository.Files.Select(file => Sibling(file.Key, file.Value, withBlobs))]),
    };

    private static JsonObject Sibling(string path, RepositoryContent file, bool withBlobs)
    {
        JsonObject sibling = new() { ["rfilename"] = path };
        if (withBlobs)
            (sibling["size"], sibling["blobId"]) = (file.Bytes.Length, file.GitId);
        if (withBlobs && file.IsLfs)
            sibling["lfs"] = new JsonObject { ["sha256"] = file.Sha256, ["size"] = file.Bytes.Length, ["pointerSize"] = 134 };
        return sibling;
    }

    /// <summary>The answer of refs.</summary>
    public static JsonObject Revisions(Repository repository) => new()
    {
        ["branches"] = new JsonArray(Revision("main", "refs/heads/main", repository)),
        ["tags"] = new JsonArray([.. repository.Tags.Select(tag => Revision(tag, "refs/tags/" + tag, repository))]),
        ["converts"] = new JsonArray(),
    };

    private static JsonObject Revision(string name, string reference, Repository repository) =>
        new() { ["name"] = name, ["ref"] = reference, ["targetCommit"] = repository.Commit };
}
