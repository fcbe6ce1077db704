namespace LlmService.App.Tasks;

public sealed class TagListTests
{
    // What a model may write, and the tags in it, joined by '|'.
    public static TheoryData<string, string> Answers => new()
    {
        { "", "" },
        { " \n ", "" },
        { "one", "one" },
        { "Order Service, Message Queue, Billing", "order service|message queue|billing" },
        { "a\nb\r\nc", "a|b|c" },
        { "a; b;c", "a|b|c" },
        { "a | b | c", "a|b|c" },
        { "- a\n- b\n* c\n• d\n– e", "a|b|c|d|e" },
        { "- a - b - c", "a|b|c" },
        { "1. a\n2. b\n10) c", "a|b|c" },
        { "1. a 2. b 3. c d", "a|b|c d" },
        { "1) a, 2) b", "a|b" },
        { "(1) a (2) b", "a|b" },
        { "1.a\n2.b", "a|b" },
        { "#Cloud #MachineLearning #c#", "cloud|machinelearning|c#" },
        { "#cloud, #queue", "cloud|queue" },
        { "\"a\", 'b', “c”, `d`", "a|b|c|d" },
        { "**a**, _b_, (c), python (language)", "a|b|c|python (language)" },
        { "a, b, c,", "a|b|c" },
        { "a, b, c.", "a|b|c" },
        { "a,, ,b", "a|b" },
        { "a, b, and c", "a|b|c" },
        { "a, b, And C.", "a|b|c" },
        { "research and development, andalusia", "research and development|andalusia" },
        { "A, a, a ,  A  ,a  b, A b", "a|a b" },
        { "Tags: a, b", "a|b" },
        { "**Tags:** a, b", "a|b" },
        { "Tags\n- a\n- b", "a|b" },
        { "## Tags\n- a\n- b", "a|b" },
        { "Here are the main topics of the text:\n1. a\n2. b", "a|b" },
        { "The keywords are: a, b", "a|b" },
        { "[\"a\", \"b\"]", "a|b" },
        { "[\"a\", \"b\",]", "a|b" },
        { "Sure!\n```json\n[\"a\", \"b\"]\n```\nHope this helps.", "a|b" },
        { "```\na, b", "a|b" },
        { "{\"tags\": [\"a\", \"b\"]}", "a|b" },
        { "{\"title\": \"x\", \"Tags\": [\"a\"]}", "a" },
        { "{\"tags\": \"a, b\"}", "a|b" },
        { "[{\"tag\": \"a\"}, {\"tag\": \"b\"}]", "a|b" },
        { "The tags are [\"a\", \"b\"].", "a|b" },
        { "{\"tags\": [\"a\", \"b", "a|b" },
        { "['a', 'b']", "a|b" },
        { "[\"\\ud800\", \"b\"]", "\\ud800|b" },
        { "{}", "" },
        { "[]", "" },
        { "[1, 2]", "1|2" },
        { "队列，账单、仓库；订单。", "队列|账单|仓库|订单" },
        { "标签：「队列」、账单", "队列|账单" },
        { "C++, c#, .NET, node.js, 3.5 inch, 2024", "c++|c#|.net|node.js|3.5 inch|2024" },
        { "<unk>", "" },
        { "a<unk>, </s>, <pad> b, ⁇, [UNK], <|endoftext|>, <extra_id_0>, \uFFFD", "a|b" },
        { "---, ..., !!!, 😀", "" },
        { "a:\nb", "a|b" },
        { "a, " + new string('x', 61), "a" },
        { "k l, K\u00A0L, k\t l", "k l" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void Parse_Answer_IsACleanList(string answer, string tags) => Assert.Equal(tags, string.Join('|', TagList.Parse(answer)));

    [Fact]
    public void Parse_LongAnswer_HasTen() =>
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"tag {i}"), TagList.Parse(string.Join(", ", Enumerable.Range(0, 100_000).Select(i => $"Tag {i}"))));

    [Fact]
    public void Parse_AnyText_IsACleanList()
    {
        string[] pieces = ["a", "B c", "1", ".", ")", " ", "\n", ",", "- ", "#", "\"", "[", "]", "{", "}", ":", "tags", "and ", "```", "json", "，", "<unk>", "😀", "\ud800", "\\u", "\t", "(", "*"];
        Random random = new(7);
        for (int trial = 0; trial < 20_000; trial++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(30)).Select(_ => pieces[random.Next(pieces.Length)]));
            IReadOnlyList<string> tags = TagList.Parse(text);
            Assert.InRange(tags.Count, 0, 10);
            Assert.Equal(tags.Distinct(), tags);
            Assert.All(tags, tag =>
            {
                Assert.InRange(tag.Length, 1, 60);
                Assert.Equal(tag.Trim().ToLowerInvariant(), tag);
                Assert.DoesNotContain(",", tag, StringComparison.Ordinal);
                Assert.DoesNotContain("\n", tag, StringComparison.Ordinal);
                Assert.DoesNotContain("<unk>", tag, StringComparison.Ordinal);
            });
        }
    }

    [Fact]
    public void Parse_CleanList_IsItself()
    {
        string[] tags = ["order service", "c#", "a-b", "machine learning", "24/7", "наука", "队列"];
        Assert.Equal(tags, TagList.Parse(string.Join(", ", tags)));
        Assert.Equal(tags, TagList.Parse(string.Join('\n', tags)));
    }

    [Fact]
    public void Merge_Parts_RanksByPartsThenByPlace() =>
        Assert.Equal(["b", "a", "c", "d"], TagList.Merge([["a", "b"], ["b", "c"], ["d"]]));

    [Fact]
    public void Merge_ManyTags_KeepsTen() => Assert.Equal(10, TagList.Merge([[.. Enumerable.Range(0, 10).Select(i => $"a{i}")], ["b"]]).Count);
}
