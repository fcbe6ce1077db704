using System.Reflection;

namespace LlmService.App;

/// <summary>A document with a title.</summary>
internal sealed record SampleDocument(string Title, string Text);

/// <summary>The documents that <c>quick-test</c> runs a model on: the files of <c>Samples</c>, which are part of the assembly.</summary>
internal static class SampleDocuments
{
    public static readonly IReadOnlyList<SampleDocument> All =
    [
        new("Architecture note", Read("1-architecture-note.txt")),
        new("Product plan", Read("2-product-plan.txt")),
        new("Privacy policy", Read("3-privacy-policy.txt")),
    ];

    private static string Read(string file)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Samples.{file}")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
