using System.Collections.Frozen;

namespace LlmService.Tokenizers.Jinja.Builtins;

/// <summary>The filters of Jinja, with tojson as chat templates know it.</summary>
internal static class Filters
{
    private static readonly FrozenDictionary<string, Filter> All = Register(
        [.. TextFilters.All, .. NumberFilters.All, .. CollectionFilters.All, .. SelectionFilters.All, .. MarkupFilters.All]);

    public static Filter? Find(string name) => All.GetValueOrDefault(name);

    private static FrozenDictionary<string, Filter> Register(Filter[] filters)
    {
        Dictionary<string, Filter> all = filters.ToDictionary(f => f.Name);
        foreach ((string alias, string name) in (ReadOnlySpan<(string, string)>)[("d", "default"), ("count", "length"), ("e", "escape")])
            all.Add(alias, all[name]);
        return all.ToFrozenDictionary();
    }
}
