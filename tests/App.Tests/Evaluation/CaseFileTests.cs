using System.Text;

namespace LlmService.App.Evaluation;

public sealed class CaseFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("case file test ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("""[{ "name": " One ", "text": "Text.", "tags": ["b", "a"] }]""")]
    [InlineData("""{ "cases": [{ "tags": ["b", "a"], "text": "Text.", "name": "One" }] }""")]
    [InlineData("\uFEFF" + """[{ "name": "One", "text": "Text.", "tags": ["b", "a"] }]""")]
    public void Read_BothForms_GiveTheCases(string json)
    {
        EvaluationCase one = Assert.Single(Read(json));
        Assert.Equal(("One", "Text."), (one.Name, one.Text));
        Assert.Equal(["b", "a"], one.Tags);
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("[\n{]", "line 2")]
    [InlineData("3", "a list of cases is expected, not a number")]
    [InlineData("[]", "0 cases")]
    [InlineData("""{ "case": [] }""", "unknown field 'case'", "'cases' is missing")]
    [InlineData("""{ "cases": {} }""", "not an object")]
    [InlineData("""["x"]""", "entry 1", "not a text")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["t"] }, { "name": "B", "tags": ["t"] }]""", "entry 2 ('B'): text is missing")]
    [InlineData("""[{ "text": "T", "tags": ["t"] }]""", "entry 1: name is missing")]
    [InlineData("""[{ "name": "A\u0007", "text": "T", "tags": ["t"] }]""", "entry 1: name has control characters")]
    [InlineData("""[{ "name": "A", "text": "T" }]""", "entry 1 ('A'): tags is missing")]
    [InlineData("""[{ "name": "A", "text": " ", "tags": ["t"] }]""", "entry 1 ('A'): text is empty")]
    [InlineData("""[{ "name": "A", "text": 7, "tags": ["t"] }]""", "entry 1 ('A'): text must be a text, not a number")]
    [InlineData("""[{ "name": "A", "text": "\ud800", "tags": ["t"] }]""", "entry 1 ('A'): text has half a surrogate")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": [] }]""", "entry 1 ('A'): tags has 0 entries")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": "t" }]""", "entry 1 ('A'): tags must be a list of texts, not a text")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["t", ""] }]""", "entry 1 ('A'): tags[1] is empty")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": [null] }]""", "entry 1 ('A'): tags[0] must be a text, not null")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["-"] }]""", "tags has '-', which has no words")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["Rate limit", "rate-limits"] }]""", "tags has 'rate-limits' twice")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["t"], "tag": 1 }]""", "entry 1 ('A'): unknown field 'tag'")]
    [InlineData("""[{ "name": "A", "text": "T", "text": "T", "tags": ["t"] }]""", "field twice")]
    [InlineData("""[{ "name": "A", "text": "T", "tags": ["t"] }, { "name": "A", "text": "T", "tags": ["t"] }]""", "entry 2 ('A'): name is that of an entry before")]
    [InlineData("""[{ "name": "A", "text": 1, "tags": 2 }, 3]""", "text must be a text", "tags must be a list", "entry 2")]
    public void Read_Mistake_NamesFileEntryAndField(string json, params string[] words)
    {
        AppException e = Assert.Throws<AppException>(() => Read(json));
        Assert.Equal(FailureCode.InvalidRequest, e.Code);
        Assert.StartsWith("--cases: my cases.json: ", e.Message, StringComparison.Ordinal);
        foreach (string word in words)
            Assert.Contains(word, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NoUtf8_IsRefused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "my cases.json"), [(byte)'"', 0xFF, (byte)'"']);
        Assert.Contains("UTF-8", Assert.Throws<AppException>(() => CaseFile.Read("my cases.json", _folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TooMuch_IsRefused()
    {
        Assert.Contains("16 MB", Assert.Throws<AppException>(() => Read(new string(' ', (16 << 20) + 1))).Message, StringComparison.Ordinal);
        Assert.Contains("1001 cases", Assert.Throws<AppException>(() => Read("[1" + string.Concat(Enumerable.Repeat(",1", 1000)) + "]")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing.json")]
    [InlineData(".")]
    public void Read_NoFile_SaysSo(string path) =>
        Assert.Equal($"--cases: {path}: there is no such file.", Assert.Throws<AppException>(() => CaseFile.Read(path, _folder)).Message);

    private IReadOnlyList<EvaluationCase> Read(string json)
    {
        File.WriteAllText(Path.Combine(_folder, "my cases.json"), json, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        return CaseFile.Read("my cases.json", _folder);
    }
}
