using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LlmService.App.Tests.Cli;

/// <summary>A cache with one small model that runs, laid out by hand as other clients of the Hub do it.</summary>
internal static class HandMadeCache
{
    public const string Model = "acme/tiny";
    public const string Card = "---\nlicense: apache-2.0\n---\n# Tiny\n";

    public static readonly string Commit = new('c', 40);

    /// <summary>Makes the model in <c>HOME/hub</c>.</summary>
    /// <returns>The path of the blob with the weights.</returns>
    public static string Create(string home)
    {
        string folder = Path.Combine(home, "hub", "models--acme--tiny");
        byte[] weights = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "demo", "model.safetensors"));
        Add(folder, "config.json", File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "demo", "config.json")), isLfs: false);
        Add(folder, "tokenizer.json", File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "demo", "tokenizer.json")), isLfs: false);
        Add(folder, "README.md", Encoding.UTF8.GetBytes(Card), isLfs: false);
        Directory.CreateDirectory(Path.Combine(folder, "refs"));
        File.WriteAllText(Path.Combine(folder, "refs", "main"), Commit);
        return Add(folder, "model.safetensors", weights, isLfs: true);
    }

    private static string Add(string folder, string path, byte[] content, bool isLfs)
    {
        byte[] header = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0"));
        using IncrementalHash hash = IncrementalHash.CreateHash(isLfs ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        hash.AppendData(isLfs ? content : [.. header, .. content]);
        string name = Convert.ToHexStringLower(hash.GetHashAndReset());
        string blob = Path.Combine(folder, "blobs", name);
        string snapshot = Path.Combine(folder, "snapshots", Commit);
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        Directory.CreateDirectory(snapshot);
        File.WriteAllBytes(blob, content);
        File.CreateSymbolicLink(Path.Combine(snapshot, path), "../../blobs/" + name);
        return blob;
    }
}
