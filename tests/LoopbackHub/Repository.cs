using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LlmService.LoopbackHub;

/// <summary>A repository that the loopback Hub serves.</summary>
public sealed record Repository(string Id, IReadOnlyDictionary<string, RepositoryContent> Files)
{
    /// <summary>The one commit of the repository.</summary>
    public string Commit { get; init; } = Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(Id)));

    /// <summary>The name in answers.json of the answer to everybody without a token; null when open.</summary>
    public string? AnonymousRefusal { get; init; }

    /// <summary>The name in answers.json of the answer to a caller with a good token; null when open.</summary>
    public string? TokenRefusal { get; init; }

    /// <summary>Whether hashes of LFS files are masked for callers that are refused.</summary>
    public bool Gated { get; init; }

    /// <summary>Whether large files say that they lie in Xet storage too. Nothing answers there, so clients that prefer it need this off.</summary>
    public bool Xet { get; init; }

    /// <summary>Whether a gated repository lets everybody in who asks.</summary>
    public bool AutoGate { get; init; }

    /// <summary>Whether only some accounts see it.</summary>
    public bool Private { get; init; }

    /// <summary>Whether the Hub took it down; its information stays open.</summary>
    public bool Disabled { get; init; }

    /// <summary>Names of the commit beside <c>main</c>.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Entries on one page of the listing.</summary>
    public int PageSize { get; init; } = 1000;

    /// <summary>Reads a folder in Hub layout.</summary>
    public static Repository FromFolder(string id, string folder) => new(
        id,
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(folder, path).StartsWith('.'))
            .ToDictionary(
                path => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/'),
                path => RepositoryContent.Of(File.ReadAllBytes(path), IsLarge(path)),
                StringComparer.Ordinal));

    private static bool IsLarge(string path) =>
        Path.GetExtension(path) is ".safetensors" or ".gguf" or ".bin" or ".onnx" or ".model" || new FileInfo(path).Length > 1_000_000;
}

/// <summary>The bytes of a file with its names in git and in LFS.</summary>
public sealed record RepositoryContent(byte[] Bytes, bool IsLfs, string GitId, string Sha256)
{
    /// <summary>Computes the names.</summary>
    public static RepositoryContent Of(byte[] bytes, bool isLfs)
    {
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
        byte[] git = isLfs
            ? Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {bytes.Length}\n"))
            : bytes;
        byte[] header = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {git.Length}\0"));
        return new RepositoryContent(bytes, isLfs, Convert.ToHexStringLower(SHA1.HashData([.. header, .. git])), sha256);
    }
}
