using System.Text.Json;

namespace LlmService.Hub.Tokens;

public sealed class SecretTests
{
    private static readonly string Value = SecretWatch.Make('s');

    [Fact]
    public void Secret_EveryWayOfPrinting_ShowsNothing()
    {
        Secret secret = new(Value);
        HubToken token = new(secret, "test");
        StoredToken stored = new("laptop", secret) { RefreshToken = secret };
        LoginGrant grant = new(secret, secret, null, null);
        HubOptions options = new() { CacheFolder = "cache", Token = token };
        TokenPlace place = new("test", TokenPlaceState.Used) { Token = token };

        string said = string.Join('\n', secret, $"{secret}", $"{secret:X}", $"{secret,40}", string.Format(null, "{0}", secret), token, stored, grant, options, place,
            JsonSerializer.Serialize(secret), JsonSerializer.Serialize(token), JsonSerializer.Serialize(stored), JsonSerializer.Serialize(grant));

        Assert.DoesNotContain(Value, said, StringComparison.Ordinal);
        Assert.Contains("(secret)", said, StringComparison.Ordinal);
    }

    [Fact]
    public void Fingerprint_TellsTokensApartAndShowsNoPart()
    {
        Secret secret = new(Value);

        Assert.Matches("^[0-9a-f]{8}$", secret.Fingerprint);
        Assert.NotEqual(secret.Fingerprint, new Secret(Value + "x").Fingerprint);
        Assert.Equal(secret, new Secret(Value));
        Assert.NotEqual(secret, new Secret(Value + "x"));
    }

    [Theory]
    [InlineData("abc", "abc")]
    [InlineData("  abc\r\n", "abc")]
    [InlineData("\"abc\"", "abc")]
    [InlineData("' abc '", "abc")]
    [InlineData("ab\ncd", "abcd")]
    [InlineData("\"", "\"")]
    public void Read_WhatUsersLeaveAround_IsCleaned(string text, string expected) => Assert.Equal(new Secret(expected), Secret.Read(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" \r\n\t")]
    [InlineData("''")]
    public void Read_Nothing_IsNull(string? text) => Assert.Null(Secret.Read(text));

    [Theory]
    [InlineData("api_org_x", true)]
    [InlineData("any.shape-is_fine", true)]
    [InlineData("inner space", false)]
    [InlineData("tab\there", false)]
    [InlineData("bell\u0007", false)]
    [InlineData("umlaut-ü", false)]
    [InlineData("zero\u200bwidth", false)]
    public void IsUsable_Characters_Decide(string text, bool expected) => Assert.Equal(expected, Secret.Read(text)!.IsUsable);

    [Fact]
    public void IsUsable_LongerThanAnyToken_IsFalse() => Assert.False(new Secret(new string('a', 8193)).IsUsable);

    [Fact]
    public void FindLeaks_SecretInATextOrWriter_IsFound()
    {
        SecretRecord record = new();
        using StringWriter writer = new();
        record.AddSecret("hidden-value");
        record.AddWriter(writer);
        record.AddText("nothing here");
        Assert.Empty(record.FindLeaks());

        writer.Write("a hidden-value appears");
        record.AddText("?q=hidden-value");

        Assert.Equal(["?q=<<secret>>", "a <<secret>> appears"], record.FindLeaks());
    }
}
