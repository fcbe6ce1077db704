using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LlmService.Hub;

/// <summary>The hash that names a blob: SHA-256 of the content for LFS files, git's SHA-1 for the rest.</summary>
internal sealed class ContentHash : IDisposable
{
    private readonly string _expected;
    private readonly IncrementalHash? _hash;

    public ContentHash(string etag, long size)
    {
        _expected = etag;
        if (Hex.IsSha256(etag))
        {
            _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }
        else if (Hex.IsCommit(etag))
        {
            _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
            _hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {size}\0")));
        }
    }

    public void Append(ReadOnlySpan<byte> bytes) => _hash?.AppendData(bytes);

    /// <summary>Whether the content is the promised one. A tag of another form promises nothing but the size.</summary>
    public bool Matches() => _hash is null || Convert.ToHexStringLower(_hash.GetHashAndReset()) == _expected;

    public void Dispose() => _hash?.Dispose();
}
