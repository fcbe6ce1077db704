using System.Text.Json.Nodes;

namespace LlmService.LoopbackHub;

/// <summary>What the Hub says of a repository beside its files.</summary>
internal static class RepositoryAnswers
{
    /// <summary>The answer of model info.</summary>
    public static JsonObject Info(Repository repository, string id) => new()
    {
        ["_id"] = "0123456789abcdef01234567",
        ["id"] = id,
        ["modelId"] = id,
        ["private"] = repository.Private,
        ["gated"] = repository.Gated ? JsonValue.Create(repository.AutoGate ? "auto" : "manual") : JsonValue.Create(false),
        ["disabled"] = repository.Disabled,
        ["sha"] = repository.Commit,
        ["tags"] = new JsonArray("license:apache-2.0"),
        ["siblings"] = new JsonArray([.. repository.Files.Keys.Select(path => new JsonObject { ["rfilename"] = path })]),
    };

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
