using LlmService.App.Tests;

namespace LlmService.App.Tasks;

public sealed class TaskPromptsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("prompts test ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Default_EncoderDecoder_AreTheWordsThatModelsAreTrainedOn()
    {
        Assert.Equal("Summarize the following text in one sentence:\n\nA {content} B", TaskPrompts.Render(TaskPrompts.Default.Summary, "A {content} B"));
        Assert.Equal("List the main topics of the following text as short tags separated by commas:\n\nx", TaskPrompts.Render(TaskPrompts.Default.Tags, "x"));
    }

    [Fact]
    public void Read_NothingSet_IsTheDefault() => Assert.Equal(TaskPrompts.Default, Read("""{ "Port": 1 }"""));

    [Fact]
    public void Read_SomePrompts_ReplacesThemAsTheyStand()
    {
        TaskPrompts prompts = Read("""{ "Prompts": { "Tags": "'Topics':\n\n{content}\n", "DecoderSummary": "{content} TL;DR", "Summary": null } }""");
        Assert.Equal(TaskPrompts.Default with { Tags = "'Topics':\n\n{content}\n", DecoderSummary = "{content} TL;DR" }, prompts);
    }

    [Theory]
    [InlineData("""{ "Prompts": "x" }""", "Prompts in ")]
    [InlineData("""{ "Prompts": { "Tags": 5 } }""", "Prompts.Tags in ")]
    [InlineData("""{ "Prompts": { "Tags": "no place" } }""", "{content}")]
    [InlineData("""{ "Prompts": { "Tags": "{content} {content}" } }""", "{content}")]
    [InlineData("""{ "Prompts": { "Tag": "{content}" } }""", "Prompts.Tag in ")]
    [InlineData("""{ "Prompts": { "Tag": "{content}" } }""", "DecoderTags")]
    public void Read_Mistake_IsNamed(string json, string says)
    {
        AppException e = Assert.Throws<AppException>(() => Read(json));
        Assert.Equal(FailureCode.InvalidRequest, e.Code);
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
        Assert.Contains("appsettings.json", e.Message, StringComparison.Ordinal);
    }

    private TaskPrompts Read(string json)
    {
        File.WriteAllText(Path.Combine(_folder, "appsettings.json"), json);
        return AppOptions.Read(TestContexts.Create(_folder), new()).Prompts;
    }
}
