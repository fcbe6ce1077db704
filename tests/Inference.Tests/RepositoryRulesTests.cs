using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace LlmService.Inference.Tests;

/// <summary>Rules of the house that the compiler does not know.</summary>
public sealed partial class RepositoryRulesTests
{
    private static readonly string Source = Path.GetFullPath(Path.Combine(TestData.Fixture(), "..", "..", "src"));

    [Theory]
    [InlineData("Hub")]
    [InlineData("Tokenizers")]
    [InlineData("Inference", "Tokenizers")]
    [InlineData("App", "Hub", "Inference", "Tokenizers")]
    public void ProjectReferences_PointDownwardsOnly(string project, params string[] expected)
    {
        XDocument file = XDocument.Load(Path.Combine(Source, project, $"{project}.csproj"));

        Assert.Equal(expected, file.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')))
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Projects_AreThoseOfTheHouse() =>
        Assert.Equal(["App", "Hub", "Inference", "Tokenizers"], Directory.EnumerateFiles(Source, "*.csproj", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));

    [Fact]
    public void Unsafe_OccursOnlyInKernelsAndInTheMapping()
    {
        string[] places = [.. Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories)
            .Where(file => UnsafeWord().IsMatch(Comment().Replace(File.ReadAllText(file), "")))
            .Select(file => Path.GetRelativePath(Source, file).Replace('\\', '/'))
            .Where(file => !file.StartsWith("Inference/Kernels/", StringComparison.Ordinal) && file != "Inference/Weights/MappedFile.cs")];

        Assert.Empty(places);
    }

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeWord();

    [GeneratedRegex("//.*|\"[^\"\\n]*\"")]
    private static partial Regex Comment();
}
