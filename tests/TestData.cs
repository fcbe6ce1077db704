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

    /// <summary>Whether there is reference data beside the checkout.</summary>
    public static bool HasShared => Directory.Exists(Metadata("SharedDataFolder"));

    /// <summary>The names of the folders inside a folder of reference data; none when it is absent.</summary>
    public static IEnumerable<string> SharedFolders(params string[] parts)
    {
        string path = Path.Combine([Metadata("SharedDataFolder"), .. parts]);
        return Directory.Exists(path) ? Directory.GetDirectories(path).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal) : [];
    }

    private static string Metadata(string key) =>
        typeof(TestData).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
