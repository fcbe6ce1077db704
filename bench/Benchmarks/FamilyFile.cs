using System.IO.Compression;

namespace LlmService.Benchmarks;

/// <summary>The <c>tokenizer.json</c> of a family's folder, compressed or not.</summary>
internal static class FamilyFile
{
    /// <summary>The bytes of the file; null when there is none.</summary>
    public static byte[]? Read(string folder)
    {
        string plain = Path.Combine(folder, "tokenizer.json");
        if (File.Exists(plain)) return File.ReadAllBytes(plain);
        if (!File.Exists(plain + ".gz")) return null;
        using GZipStream zip = new(File.OpenRead(plain + ".gz"), CompressionMode.Decompress);
        using MemoryStream memory = new();
        zip.CopyTo(memory);
        return memory.ToArray();
    }
}
