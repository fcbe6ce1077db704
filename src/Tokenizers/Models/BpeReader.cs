namespace LlmService.Tokenizers.Models;

/// <summary>Reads a BPE model.</summary>
internal static class BpeReader
{
    public static BpeModel Read(JsonPart json, ModelTables tables)
    {
        json.AllowOnly("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
            "ignore_merges", "vocab", "merges");
        // Dropout is noise for training; here it is off.
        if (json.Find("dropout") is JsonPart dropout && dropout.AsNumber() is < 0 or > 1) throw json.Get("dropout").Corrupt("must be a number from 0 to 1");
        Vocabulary vocabulary = tables.Map(json.Get("vocab"));
        BpeSettings settings = new()
        {
            Unknown = json.OptionalString("unk_token"),
            FuseUnknown = json.Boolean("fuse_unk", absent: false),
            ByteFallback = json.Boolean("byte_fallback", absent: false),
            IgnoreMerges = json.Boolean("ignore_merges", absent: false),
            Prefix = json.OptionalString("continuing_subword_prefix") ?? "",
            Suffix = json.OptionalString("end_of_word_suffix") ?? "",
        };
        MergeList merges = tables.Merges(json.Get("merges"), vocabulary, settings.Prefix);
        bool mergesUnknown = merges.HasAny([.. vocabulary.FindByteTokens(), settings.Unknown is null ? -1 : vocabulary.Find(settings.Unknown)]);
        return new BpeModel(vocabulary, merges.ToTable(), settings with { MergesUnknown = mergesUnknown });
    }
}
