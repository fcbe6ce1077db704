using System.Text.Json;

namespace LlmService.Hub;

/// <summary>What the Hub says of a repository beside its files. A text comes from strangers: it has no control characters and a sane length.</summary>
/// <param name="IsPrivate">Whether only some accounts see it.</param>
/// <param name="Gate">How access to a gated repository is granted, <c>auto</c> or <c>manual</c>; null for an open one.</param>
/// <param name="Licence">The licence of the model card.</param>
/// <param name="ParameterCounts">How many parameters are stored in which type, such as BF16, where the Hub has read the headers of the safetensors files.</param>
public sealed record RepositoryCard(bool IsPrivate, string? Gate, string? Licence, IReadOnlyDictionary<string, long> ParameterCounts)
{
    private const int MaxTypes = 32;
    private const string LicenceTag = "license:";
    private const int MaxLength = 96;

    internal static RepositoryCard Of(RevisionInfo info) =>
        new(info.Private.ValueKind == JsonValueKind.True, GateOf(info.Gated), CardLicence(info.CardData) ?? TagLicence(info.Tags), Counts(info.Safetensors));

    // false, "auto" or "manual"; a bare true is what an older Hub said.
    private static string? GateOf(JsonElement gated) =>
        gated.ValueKind == JsonValueKind.True ? "manual" : Text(gated);

    private static string? CardLicence(JsonElement card)
    {
        if (card.ValueKind != JsonValueKind.Object || !card.TryGetProperty("license", out JsonElement licence))
            return null;
        if (licence.ValueKind == JsonValueKind.Array)
            return licence.EnumerateArray().Select(Text).FirstOrDefault(text => text is not null);
        // "other" is explained by a name.
        return Text(licence) == "other" && card.TryGetProperty("license_name", out JsonElement name) && Text(name) is { } own ? own : Text(licence);
    }

    private static string? TagLicence(JsonElement tags) => tags.ValueKind != JsonValueKind.Array ? null
        : tags.EnumerateArray().Select(Text).FirstOrDefault(tag => tag?.StartsWith(LicenceTag, StringComparison.Ordinal) == true)?[LicenceTag.Length..];

    private static Dictionary<string, long> Counts(JsonElement safetensors)
    {
        Dictionary<string, long> counts = new(StringComparer.Ordinal);
        if (safetensors.ValueKind != JsonValueKind.Object || !safetensors.TryGetProperty("parameters", out JsonElement types) || types.ValueKind != JsonValueKind.Object)
            return counts;
        foreach (JsonProperty type in types.EnumerateObject().Take(MaxTypes))
        {
            if (type.Name.Length <= 16 && type.Name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_') && type.Value.ValueKind == JsonValueKind.Number && type.Value.TryGetInt64(out long count) && count > 0)
                counts[type.Name] = count;
        }
        return counts;
    }

    private static string? Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxLength } text && !text.Any(char.IsControl) ? text : null;
}
