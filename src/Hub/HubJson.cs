using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmService.Hub;

/// <summary>The JSON of the wire and of the cache.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(RevisionInfo))]
[JsonSerializable(typeof(RevisionList))]
[JsonSerializable(typeof(List<TreeEntry>))]
[JsonSerializable(typeof(TreeCacheDocument))]
internal sealed partial class HubJson : JsonSerializerContext;

internal sealed record ErrorBody([property: JsonPropertyName("error")] string? Error);

// What only informs is read as it comes: a mirror's odd form of it must not stop a load.
internal sealed record RevisionInfo(
    [property: JsonPropertyName("id")] string? Id,
    [property: JsonPropertyName("sha")] string? Sha,
    [property: JsonPropertyName("private")] JsonElement Private,
    [property: JsonPropertyName("gated")] JsonElement Gated,
    [property: JsonPropertyName("disabled")] JsonElement Disabled,
    [property: JsonPropertyName("cardData")] JsonElement CardData,
    [property: JsonPropertyName("tags")] JsonElement Tags,
    [property: JsonPropertyName("safetensors")] JsonElement Safetensors);

internal sealed record RevisionList(
    [property: JsonPropertyName("branches")] List<NamedRevision>? Branches,
    [property: JsonPropertyName("tags")] List<NamedRevision>? Tags);

internal sealed record NamedRevision([property: JsonPropertyName("name")] string? Name);

internal sealed record TreeEntry(
    [property: JsonPropertyName("type")] string? Type,
    [property: JsonPropertyName("path")] string? Path,
    [property: JsonPropertyName("oid")] string? Oid,
    [property: JsonPropertyName("size")] long Size,
    [property: JsonPropertyName("lfs")] TreeLfs? Lfs);

internal sealed record TreeLfs(
    [property: JsonPropertyName("oid")] string? Oid,
    [property: JsonPropertyName("size")] long? Size);

internal sealed record TreeCacheDocument(
    [property: JsonPropertyName("format_version")] int FormatVersion,
    [property: JsonPropertyName("files")] SortedDictionary<string, TreeCacheFile>? Files);

internal sealed record TreeCacheFile(
    [property: JsonPropertyName("size")] long Size,
    [property: JsonPropertyName("blob_id")] string? BlobId,
    [property: JsonPropertyName("lfs_sha256")] string? LfsSha256,
    [property: JsonPropertyName("lfs_size")] long? LfsSize);
