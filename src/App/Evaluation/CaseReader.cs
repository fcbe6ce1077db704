using System.Text.Json;

namespace LlmService.App.Evaluation;

/// <summary>Turns the JSON of a case file into cases.</summary>
/// <param name="mistakes">Receives a sentence for every mistake, up to a handful.</param>
internal sealed class CaseReader(List<string> mistakes)
{
    private const int MaxCases = 1000;
    private const int MaxTags = 50;
    private const int MaxNameLength = 200;
    private const int MaxTagLength = 100;
    private const int MaxMistakes = 10;

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    public IReadOnlyList<EvaluationCase> Read(JsonElement root)
    {
        JsonElement list = root;
        if (root.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty unknown in root.EnumerateObject().Where(p => p.Name != "cases"))
                Add($"unknown field '{unknown.Name}' beside 'cases'.");
            if (!root.TryGetProperty("cases", out list))
                Add("the field 'cases' is missing.");
        }
        if (mistakes.Count > 0)
            return [];
        if (list.ValueKind != JsonValueKind.Array)
            Add($"a list of cases is expected, not {Kind(list)}.");
        else if (list.GetArrayLength() is 0 or > MaxCases)
            Add($"the file has {list.GetArrayLength()} cases; 1 to {MaxCases} are allowed.");
        return mistakes.Count > 0 ? [] : [.. list.EnumerateArray().Select((entry, index) => ReadCase(entry, $"entry {index + 1}"))];
    }

    private EvaluationCase ReadCase(JsonElement entry, string place)
    {
        if (entry.ValueKind != JsonValueKind.Object)
        {
            Add($"{place}: an object with name, text and tags is expected, not {Kind(entry)}.");
            return new("", "", []);
        }
        string name = ReadText(entry, place, "name", MaxNameLength);
        if (name.Any(char.IsControl))
            Add($"{place}: name has control characters.");
        else if (name.Length > 0)
            place += $" ('{name}')";
        if (name.Length > 0 && !_names.Add(name))
            Add($"{place}: name is that of an entry before.");
        foreach (JsonProperty unknown in entry.EnumerateObject().Where(p => p.Name is not ("name" or "text" or "tags")))
            Add($"{place}: unknown field '{unknown.Name}'; there are name, text and tags.");
        return new(name, ReadText(entry, place, "text", int.MaxValue), ReadTags(entry, place));
    }

    private string ReadText(JsonElement entry, string place, string field, int maxLength)
    {
        if (entry.TryGetProperty(field, out JsonElement value))
            return Text(value, $"{place}: {field}", maxLength);
        Add($"{place}: {field} is missing.");
        return "";
    }

    private List<string> ReadTags(JsonElement entry, string place)
    {
        List<string> tags = [];
        if (!entry.TryGetProperty("tags", out JsonElement list))
            Add($"{place}: tags is missing.");
        else if (list.ValueKind != JsonValueKind.Array)
            Add($"{place}: tags must be a list of texts, not {Kind(list)}.");
        else if (list.GetArrayLength() is 0 or > MaxTags)
            Add($"{place}: tags has {list.GetArrayLength()} entries; 1 to {MaxTags} are allowed.");
        else
            tags.AddRange(list.EnumerateArray().Select((tag, index) => Text(tag, $"{place}: tags[{index}]", MaxTagLength)));
        CheckTags(tags, place);
        return tags;
    }

    private void CheckTags(List<string> tags, string place)
    {
        HashSet<NormalizedTag> seen = [];
        foreach (string tag in tags.Where(t => t.Length > 0))
        {
            NormalizedTag normalized = NormalizedTag.Of(tag);
            if (normalized.Text.Length == 0)
                Add($"{place}: tags has '{tag}', which has no words.");
            else if (!seen.Add(normalized))
                Add($"{place}: tags has '{tag}' twice (case, hyphens and plurals do not count).");
        }
    }

    /// <summary>The trimmed text; empty after a mistake.</summary>
    private string Text(JsonElement value, string place, int maxLength)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            Add($"{place} must be a text, not {Kind(value)}.");
            return "";
        }
        string? text = Decode(value)?.Trim();
        if (text is null)
            Add($"{place} has half a surrogate pair (\\ud800 to \\udfff).");
        else if (text.Length == 0)
            Add($"{place} is empty.");
        else if (text.Length > maxLength)
            Add($"{place} is longer than {maxLength} characters.");
        return text?.Length <= maxLength ? text : "";
    }

    private static string? Decode(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    private void Add(string mistake)
    {
        if (mistakes.Count < MaxMistakes)
            mistakes.Add(mistake);
    }
}
