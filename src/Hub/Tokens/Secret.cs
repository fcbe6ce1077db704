using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmService.Hub.Tokens;

/// <summary>A text that cannot print itself: not by <see cref="ToString()"/>, interpolation, JSON or the debugger's display.</summary>
[DebuggerDisplay("{ToString(),nq}")]
[JsonConverter(typeof(HiddenConverter))]
public sealed class Secret : IEquatable<Secret>, IFormattable
{
    private const string Hidden = "(secret)";
    private const int MaxLength = 8 * 1024;
    private const int FingerprintDigits = 8;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly string _value;

    /// <summary>Hides a text as it stands.</summary>
    /// <param name="value">The text; nothing is trimmed.</param>
    /// <exception cref="ArgumentNullException">The text is null.</exception>
    public Secret(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = value;
    }

    /// <summary>Whether it may go into a header: 1 to 8192 visible ASCII characters. Tokens have many shapes; more is not asked of them.</summary>
    public bool IsUsable => _value.Length is > 0 and <= MaxLength && _value.All(c => c is > ' ' and < '\x7f');

    /// <summary>The first 8 hex digits of the text's SHA-256: enough to tell two tokens apart, and nothing of either.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_value)))[..FingerprintDigits];

    /// <summary>Cleans what users leave around a token: line ends anywhere, space at the ends, one pair of quotes.</summary>
    /// <param name="text">As it was found.</param>
    /// <returns>The secret; null when nothing is left.</returns>
    public static Secret? Read(string? text)
    {
        string value = (text ?? "").Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal).Trim();
        if (value.Length >= 2 && value[0] == value[^1] && value[0] is '"' or '\'')
            value = value[1..^1].Trim();
        return value.Length == 0 ? null : new Secret(value);
    }

    /// <inheritdoc/>
    public bool Equals(Secret? other) =>
        other is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(_value), Encoding.UTF8.GetBytes(other._value));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Secret);

    /// <inheritdoc/>
    public override int GetHashCode() => string.GetHashCode(_value, StringComparison.Ordinal);

    /// <summary>A fixed text.</summary>
    public override string ToString() => Hidden;

    /// <summary>A fixed text, whatever the format.</summary>
    public string ToString(string? format, IFormatProvider? formatProvider) => Hidden;

    /// <summary>The text itself: for the Authorization header, the form of a login and the token files.</summary>
    internal string Reveal() => _value;

    private sealed class HiddenConverter : JsonConverter<Secret>
    {
        public override Secret Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new JsonException("A secret is not read from JSON.");

        public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options) => writer.WriteStringValue(Hidden);
    }
}
