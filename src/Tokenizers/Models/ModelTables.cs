using System.Text.Json;

namespace LlmService.Tokenizers.Models;

/// <summary>The vocabulary and the merges of a <c>tokenizer.json</c>. They are nearly all of the file, so they are read while it is scanned for the first and only time;
/// what is left of it is small enough to be a document.</summary>
internal sealed class ModelTables
{
    private readonly ReadOnlyMemory<byte> _json;
    private readonly string _file;
    private readonly List<(Range Place, string Instead)> _cuts = [];
    private Vocabulary? _vocabulary;
    private double[]? _scores;
    private TokenizerException? _vocabularyFailure;
    private MergeList? _merges;
    private TokenizerException? _mergesFailure;
    private int _mergesStart;
    private string _prefix = "", _mergesPrefix = "";

    private ModelTables(ReadOnlyMemory<byte> json, string file)
    {
        _json = json;
        _file = file;
    }

    /// <summary>The file with an empty vocabulary and no merges.</summary>
    public ReadOnlyMemory<byte> Outline { get; private set; }

    /// <summary>Reads the tables of a file.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static ModelTables Scan(ReadOnlyMemory<byte> json, string file, int deepest)
    {
        ModelTables tables = new(json, file);
        Utf8JsonReader reader = new(json.Span, new JsonReaderOptions { MaxDepth = deepest });
        if (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isModel = reader.ValueTextEquals("model"u8);
                reader.Read();
                if (isModel && reader.TokenType == JsonTokenType.StartObject) tables.ScanModel(ref reader);
                else reader.Skip();
            }
        }

        tables.Outline = tables.CutOut();
        return tables;
    }

    /// <summary>The vocabulary, an object of token to id.</summary>
    /// <param name="json">Its place in the outline.</param>
    public Vocabulary Map(JsonPart json)
    {
        if (!json.IsObject) throw json.Corrupt("must be an object");
        return _vocabularyFailure is null ? _vocabulary! : throw _vocabularyFailure;
    }

    /// <summary>The vocabulary as a list of pieces, and their scores.</summary>
    /// <param name="json">Its place in the outline.</param>
    public (Vocabulary Vocabulary, double[] Scores) Pieces(JsonPart json)
    {
        if (!json.IsArray) throw json.Corrupt("must be an array");
        return _vocabularyFailure is null ? (_vocabulary!, _scores!) : throw _vocabularyFailure;
    }

    /// <summary>The merges.</summary>
    /// <param name="json">Their place in the outline.</param>
    /// <param name="prefix">What the right side of a merge loses.</param>
    public MergeList Merges(JsonPart json, Vocabulary vocabulary, string prefix)
    {
        if (!json.IsArray) throw json.Corrupt("must be an array");
        if (prefix == _mergesPrefix && _mergesFailure is not null) throw _mergesFailure;
        if (prefix == _mergesPrefix && _merges is not null) return _merges;

        // The file names the vocabulary or the prefix behind the merges.
        Utf8JsonReader reader = new(_json.Span[_mergesStart..]);
        reader.Read();
        return MergeList.Read(ref reader, json, vocabulary, prefix);
    }

    private void ScanModel(ref Utf8JsonReader reader)
    {
        // The last of equal members counts, of models too.
        (_vocabulary, _merges, _vocabularyFailure, _mergesFailure, _prefix) = (null, null, null, null, "");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isVocabulary = reader.ValueTextEquals("vocab"u8), isMerges = reader.ValueTextEquals("merges"u8), isPrefix = reader.ValueTextEquals("continuing_subword_prefix"u8);
            reader.Read();
            if (isVocabulary && reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray) ScanVocabulary(ref reader);
            else if (isMerges && reader.TokenType == JsonTokenType.StartArray) ScanMerges(ref reader);
            else if (isPrefix && reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped) _prefix = System.Text.Encoding.UTF8.GetString(reader.ValueSpan);
            else reader.Skip();
        }
    }

    private void ScanVocabulary(ref Utf8JsonReader reader)
    {
        int start = (int)reader.TokenStartIndex;
        bool isMap = reader.TokenType == JsonTokenType.StartObject;
        JsonPart place = new(default, "$.model.vocab", _file);
        Utf8JsonReader before = reader;
        (_vocabulary, _scores, _vocabularyFailure, _merges, _mergesFailure) = (null, null, null, null, null);
        try
        {
            if (isMap) _vocabulary = Vocabulary.ReadMap(ref reader, place);
            else (_vocabulary, _scores) = UnigramModel.ReadPieces(ref reader, place);
        }
        catch (TokenizerException e)
        {
            // It is told when the model asks for it: other complaints come first.
            _vocabularyFailure = e;
            reader = before;
            reader.Skip();
        }

        _cuts.Add((start..(int)reader.BytesConsumed, isMap ? "{}" : "[]"));
    }

    private void ScanMerges(ref Utf8JsonReader reader)
    {
        _mergesStart = (int)reader.TokenStartIndex;
        Utf8JsonReader before = reader;
        (_merges, _mergesFailure, _mergesPrefix) = (null, null, _prefix);
        try
        {
            if (_vocabulary is not null) _merges = MergeList.Read(ref reader, new JsonPart(default, "$.model.merges", _file), _vocabulary, _prefix);
            else reader.Skip();
        }
        catch (TokenizerException e)
        {
            _mergesFailure = e;
            reader = before;
            reader.Skip();
        }

        _cuts.Add((_mergesStart..(int)reader.BytesConsumed, "[]"));
    }

    private ReadOnlyMemory<byte> CutOut()
    {
        if (_cuts.Count == 0) return _json;
        using MemoryStream outline = new();
        int done = 0;
        foreach ((Range place, string instead) in _cuts)
        {
            outline.Write(_json.Span[done..place.Start.Value]);
            outline.Write(System.Text.Encoding.UTF8.GetBytes(instead));
            done = place.End.Value;
        }

        outline.Write(_json.Span[done..]);
        return outline.GetBuffer().AsMemory(0, (int)outline.Length);
    }
}
