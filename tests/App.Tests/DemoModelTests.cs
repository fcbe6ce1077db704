using System.Text.RegularExpressions;
using LlmService.App.Tasks;
using LlmService.Inference;
using LlmService.Inference.Kernels;

namespace LlmService.App.Tests;

/// <summary>The built-in model, against what its own card says that it answers.</summary>
public sealed partial class DemoModelTests
{
    private const int LargestWeights = 8_000_000;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "demo");

    [Fact]
    public async Task Demo_DocumentsOfItsCard_AnswersWhatTheCardPrints()
    {
        MatchCollection documents = Document.Matches((await File.ReadAllTextAsync(Path.Combine(Folder, "README.md"), TestContext.Current.CancellationToken)).ReplaceLineEndings("\n"));
        Assert.Equal(13, documents.Count);
        using WorkerPool workers = new(Environment.ProcessorCount);
        await using LlmEngine engine = LlmEngine.Load(Folder, new EngineOptions { Workers = workers });
        DocumentTasks tasks = new(engine, TaskPrompts.Default);
        foreach (Match document in documents)
        {
            string text = document.Groups["text"].Value;
            DocumentSummary summary = await tasks.SummarizeAsync(text, TestContext.Current.CancellationToken);
            DocumentTags tags = await tasks.TagAsync(text, TestContext.Current.CancellationToken);
            Assert.Equal(document.Groups["summary"].Value, summary.Text);
            Assert.Equal(TagList.Parse(document.Groups["tags"].Value), tags.Tags);
        }
    }

    [Fact]
    public void Card_QuotesTheSamplesAsTheyAre()
    {
        string card = File.ReadAllText(Path.Combine(Folder, "README.md"));
        Assert.All(SampleDocuments.All, sample => Assert.Contains(Space.Replace(sample.Text.Trim(), " "), card, StringComparison.Ordinal));
    }

    [Fact]
    public void Demo_Weights_AreSmallEnoughForARepository() =>
        Assert.InRange(new FileInfo(Path.Combine(Folder, "model.safetensors")).Length, 1, LargestWeights);

    [GeneratedRegex(@"\*\*[^*\n]+\*\*: (?<text>[^\n]+)\n\n- Summary: (?<summary>[^\n]*)\n- Tags: (?<tags>[^\n]*)")]
    private static partial Regex Document { get; }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space { get; }
}
