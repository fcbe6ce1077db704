namespace LlmService.Hub.Tokens;

/// <summary>What logins leave on disk: the token file, and <c>stored_tokens</c> beside it; shared with the other Hub clients.</summary>
/// <param name="tokenPath">The token file, a full path.</param>
/// <param name="timeProvider">The clock of waiting for another process.</param>
public sealed class TokenStore(string tokenPath, TimeProvider timeProvider)
{
    private readonly TokenFiles _files = new();

    /// <summary>The token file.</summary>
    public string TokenPath => tokenPath;

    /// <summary>The file with all tokens.</summary>
    public string StoredPath { get; } = StoredPathOf(tokenPath);

    /// <summary>All stored tokens, by name; empty when there are none or the file is damaged.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public IReadOnlyList<StoredToken> Tokens => Read()?.Tokens ?? [];

    /// <summary>Whether <c>stored_tokens</c> is there and neither INI nor JSON. It is then left alone.</summary>
    public bool IsDamaged => _files.Read(StoredPath) is not null && Read() is null;

    /// <summary>The token of the token file; null when there is none.</summary>
    public Secret? ActiveToken => Secret.Read(_files.Read(tokenPath)) is { IsUsable: true } token ? token : null;

    /// <summary>The name of the active token; null when there is none, or it is not among the stored ones.</summary>
    public string? ActiveName
    {
        get
        {
            StoredTokens? stored = Read();
            return ActiveToken is { } active ? stored?.Tokens.FirstOrDefault(token => token.Token.Equals(active))?.Name : stored?.Active;
        }
    }

    /// <summary>Stores a token under its name and makes it the active one.</summary>
    /// <returns>Whether <c>stored_tokens</c> holds it too; false when that file is damaged.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public async Task<bool> SaveAsync(StoredToken token, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (!StoredToken.IsName(token.Name))
            throw new ArgumentException("A token's name has 1 to 100 characters and no brackets.", nameof(token));
        using FileStream? held = await LockAsync(cancellationToken).ConfigureAwait(false);
        StoredTokens? stored = _files.Read(StoredPath) is null ? StoredTokens.Empty() : Read();
        if (stored is not null)
        {
            stored.Set(token);
            stored.Activate(token.Name);
            OwnerOnlyFile.Write(StoredPath, stored.Write());
        }
        OwnerOnlyFile.Write(tokenPath, token.Token.Reveal());
        return stored is not null;
    }

    /// <summary>Makes a stored token the active one.</summary>
    /// <returns>False when there is none of that name.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public async Task<bool> SwitchAsync(string name, CancellationToken cancellationToken)
    {
        using FileStream? held = await LockAsync(cancellationToken).ConfigureAwait(false);
        if (Read() is not { } stored || stored.Find(name) is not { } token)
            return false;
        if (stored.Active is not null)
        {
            stored.Activate(name);
            OwnerOnlyFile.Write(StoredPath, stored.Write());
        }
        OwnerOnlyFile.Write(tokenPath, token.Token.Reveal());
        return true;
    }

    /// <summary>Forgets one token; the token file too if it is the active one.</summary>
    /// <returns>False when there is none of that name.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public async Task<bool> RemoveAsync(string name, CancellationToken cancellationToken)
    {
        using FileStream? held = await LockAsync(cancellationToken).ConfigureAwait(false);
        if (Read() is not { } stored || stored.Find(name) is not { } token)
            return false;
        if (ActiveToken is { } active && active.Equals(token.Token))
            File.Delete(tokenPath);
        stored.Remove(name);
        if (stored.Active == name)
            stored.Activate(null);
        OwnerOnlyFile.Write(StoredPath, stored.Write());
        return true;
    }

    /// <summary>Forgets everything: deletes the token file and <c>stored_tokens</c>.</summary>
    /// <returns>Whether there was anything.</returns>
    /// <exception cref="IOException">The disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">The files may not be deleted.</exception>
    public async Task<bool> ClearAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(tokenPath) && !File.Exists(StoredPath))
            return false;
        using FileStream? held = await LockAsync(cancellationToken).ConfigureAwait(false);
        File.Delete(tokenPath);
        File.Delete(StoredPath);
        return true;
    }

    internal static string StoredPathOf(string tokenPath) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(tokenPath))!, "stored_tokens");

    /// <summary>Puts a renewed token in the place of the old one, unless somebody else did already.</summary>
    /// <param name="old">The token that was renewed.</param>
    /// <param name="renew">Renews it; asked while the lock is held.</param>
    /// <returns>The token that now stands there; null when no stored token can be renewed.</returns>
    internal async Task<Secret?> ReplaceAsync(StoredToken old, Func<StoredToken, Task<StoredToken?>> renew, CancellationToken cancellationToken)
    {
        using FileStream? held = await LockAsync(cancellationToken).ConfigureAwait(false);
        if (Read() is not { } stored || stored.Find(old.Name) is not { } present)
            return null;
        if (!present.Token.Equals(old.Token))
            return present.Token;
        if (await renew(present).ConfigureAwait(false) is not { } renewed)
            return null;
        stored.Set(renewed);
        OwnerOnlyFile.Write(StoredPath, stored.Write());
        if (ActiveToken is { } active && active.Equals(old.Token))
            OwnerOnlyFile.Write(tokenPath, renewed.Token.Reveal());
        return renewed.Token;
    }

    private StoredTokens? Read() => _files.Read(StoredPath) is { } text ? StoredTokens.TryParse(text) : null;

    private Task<FileStream?> LockAsync(CancellationToken cancellationToken)
    {
        OwnerOnlyFile.CreateFolder(Path.GetDirectoryName(StoredPath)!);
        return CacheLock.AcquireAsync(StoredPath + ".lock", () => 0, timeProvider, cancellationToken);
    }
}
