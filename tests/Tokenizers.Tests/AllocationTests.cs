namespace LlmService.Tokenizers.Tests;

/// <summary>Encoding allocates its result and nothing else.</summary>
public sealed class AllocationTests
{
    /// <summary>The <see cref="Encoding"/> and its list of segments, of which the longest here has seven.</summary>
    private const int ResultObjects = 64 + 24 + 7 * 16;

    public static TheoryData<string> PostProcessors =>
    [
        "null",
        """{"type":"BertProcessing","sep":["[SEP]",9],"cls":["[CLS]",8]}""",
        """{"type":"RobertaProcessing","sep":["[SEP]",9],"cls":["[CLS]",8],"trim_offsets":true,"add_prefix_space":false}""",
        """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""",
        """{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},{"type":"BertProcessing","sep":["[SEP]",9],"cls":["[CLS]",8]}]}""",
        """
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
         "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
         "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[8],"tokens":["[CLS]"]}}}
        """,
    ];

    [Theory]
    [MemberData(nameof(PostProcessors))]
    public void Encode_AWarmTokenizer_AllocatesTheResultOnly(string postProcessor)
    {
        foreach (string model in Models)
        {
            Tokenizer tokenizer = TinyTokenizer.Parse(model, """{"type":"Lowercase"}""", """{"type":"Whitespace"}""", postProcessor);
            AssertNothingMore(model, () => tokenizer.Encode("ab Ba ab, ba", SpecialTokens.Include));
            AssertNothingMore(model, () => tokenizer.Encode("ab Ba ab ba", "ba ab", SpecialTokens.Include));
        }
    }

    private static readonly string[] Models =
    [
        """{"type":"BPE","unk_token":"[UNK]","vocab":{"a":0,"b":1,"ab":2,"ba":3,"[UNK]":4,"[CLS]":8,"[SEP]":9},"merges":["a b","b a"]}""",
        """{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"a":0,"##b":1,"b":2,"##a":3,"[UNK]":4,"[CLS]":8,"[SEP]":9}}""",
        """{"type":"WordLevel","unk_token":"[UNK]","vocab":{"ab":0,"ba":1,"[UNK]":4,"[CLS]":8,"[SEP]":9}}""",
        """{"type":"Unigram","unk_id":0,"byte_fallback":false,"vocab":[["<unk>",0],["a",-2],["b",-2],["ab",-3],["ba",-3.5],[",",-4],["c",-9],["d",-9],["[CLS]",-9],["[SEP]",-9]]}""",
    ];

    private static void AssertNothingMore(string model, Func<Encoding> encode)
    {
        // What is kept between calls is made by the first ones, and the runtime's first, quick translation of a method boxes what the later one does not:
        // the calls go on until that has come.
        long beside = long.MaxValue, deadline = Environment.TickCount64 + 30_000;
        while (beside > ResultObjects && Environment.TickCount64 < deadline)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Encoding encoding = encode();
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            beside = allocated - Array(encoding.Count * sizeof(int)) * 2 - Array(encoding.Count * sizeof(int) * 2);
        }

        Assert.True(beside <= ResultObjects, $"{beside} bytes beside the arrays of the result: {model}");
    }

    private static int Array(int bytes) => 24 + (bytes + 7) / 8 * 8;
}
