using LlmService.Inference.Tests;

namespace LlmService.Inference.Embeddings;

/// <summary>A temporary copy of the golden BERT, with files of sentence-transformers and a tokenizer of a few words.</summary>
internal sealed class EmbedderFolder : IDisposable
{
    public const string PoolingModule = """{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"}""";
    public const string NormalizeModule = """{"type":"sentence_transformers.models.Normalize","path":"3_Normalize"}""";
    public const string DenseModule = """{"type":"sentence_transformers.models.Dense","path":"2_Dense"}""";

    private const string Words = """
        {"version":"1.0","added_tokens":[
        {"id":1,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":3,"content":"[SEP]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
        "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]},"decoder":null,
        "model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":1,"[CLS]":2,"[SEP]":3,"query":4,"document":5,"one":6,"two":7,"three":8,"HIGH":HIGHEST}}}
        """;

    private readonly CheckpointFolder _folder = CheckpointFolder.CopyOf("bert");

    public string Folder => _folder.Folder;

    public EmbedderFolder Modules(params IEnumerable<string> modules)
    {
        Write("modules.json", $"[{string.Join(',', modules.Prepend("""{"type":"sentence_transformers.models.Transformer","path":""}"""))}]");
        return this;
    }

    public EmbedderFolder Pooling(string config) => Write("1_Pooling/config.json", config);

    /// <summary>A tokenizer of <c>[CLS]</c> (2), <c>[SEP]</c> (3), query (4), document (5), one (6), two (7), three (8) and one word more.</summary>
    public EmbedderFolder Tokenizer(int highestId = 9) => Write("tokenizer.json", Words.Replace("HIGHEST", highestId.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));

    public EmbedderFolder Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    public EmbedderFolder Write(string name, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[name])!);
        File.WriteAllBytes(_folder[name], content);
        return this;
    }

    public void Dispose() => _folder.Dispose();
}
