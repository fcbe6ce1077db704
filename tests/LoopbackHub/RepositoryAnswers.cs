using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>What the Hub says of a repository beside its files.</summary>
internal static class RepositoryAnswers
{
    // What a caller may ask for one by one.
    private static readonly string[] Expandable = ["private", "gated", "disabled", "sha", "tags", "siblings"];

    /// <summary>The answer of model info: all of it, or the fields that the query names; null when it names one that there is not.</summary>
    public static JsonObject? Info(Repository repository, string id, IQueryCollection query)
    {
        string[] wanted = [.. query["expand"].OfType<string>()];
        if (wanted.Except(Expandable).Any())
            return null;
        JsonObject info = Info(repository, id, withBlobs: query["blobs"] == "true");
        foreach (string name in wanted.Length == 0 ? [] : Expandable.Append("modelId").Except(wanted))
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
