namespace LlmService.App.Tests;

public sealed class TokenFileRisksTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("risks ").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("token", "", true)]
    [InlineData("token", "token", false)]
    [InlineData("token", "/token", false)]
    [InlineData("sub/dir/token", "token", false)]
    [InlineData("sub/dir/token", "/token", true)]
    [InlineData("sub/dir/token", "sub/", false)]
    [InlineData("sub/dir/token", "dir/", false)]
    [InlineData("sub/dir/token", "token/", true)]
    [InlineData("sub/dir/token", "sub/*/token", false)]
    [InlineData("sub/dir/token", "sub/**", false)]
    [InlineData("sub/dir/token", "**/token", false)]
    [InlineData("sub/dir/token", "*.env\n# comment\n\nto?en", false)]
    [InlineData("sub/dir/token", "token\n!token", true)]
    [InlineData("sub/dir/token", "sub\n!token", false)]
    public void IsExposedToGit_IgnorePatterns_Decide(string file, string ignore, bool expected)
    {
        string path = Write(file, "x");
        Assert.False(TokenFileRisks.IsExposedToGit(path));

        Directory.CreateDirectory(Path.Combine(_folder, ".git"));
        Write(".gitignore", ignore);

        Assert.Equal(expected, TokenFileRisks.IsExposedToGit(path));
    }

    [Fact]
    public void IsExposedToGit_InnerIgnoreFileAndExcludes_Count()
    {
        string path = Write("sub/token", "x");
        Write(".git/HEAD", "");
        Write("sub/.gitignore", "/token");
        Assert.False(TokenFileRisks.IsExposedToGit(path));
        Write("sub/.gitignore", "");
        Write(".git/info/exclude", "token");
        Assert.False(TokenFileRisks.IsExposedToGit(path));
    }

    private string Write(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
