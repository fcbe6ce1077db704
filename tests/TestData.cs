using System.Reflection;

namespace LlmService;

/// <summary>Where test data lies: fixtures of this repository, and reference data beside the checkout that may be absent.</summary>
internal static class TestData
{
    /// <summary>The path of a fixture in <c>tests/Fixtures</c>.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([Metadata("FixturesFolder"), .. parts]);

    /// <summary>The path of reference data beside the checkout; skips the running test with a reason when it is absent.</summary>
    public static string Shared(params string[] parts)
    {
        string folder = Metadata("SharedDataFolder");
        string path = Path.Combine([folder, .. parts]);
        Assert.SkipUnless(Path.Exists(path), $"reference data '{string.Join('/', parts)}' is not beside the checkout");
        return path;
    }

    private static string Metadata(string key) =>
        typeof(TestData).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
