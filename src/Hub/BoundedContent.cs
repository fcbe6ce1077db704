namespace LlmService.Hub;

/// <summary>Reads a body into memory, up to a limit of bytes, of silence, and of a minute in all.</summary>
internal static class BoundedContent
{
    private const int InitialSize = 16 * 1024;

    /// <summary>The body, or null when it is longer than the limit.</summary>
    public static async Task<byte[]?> ReadAsync(HttpResponseMessage response, int maxBytes, TimeSpan silence, CancellationToken cancellationToken)
    {
        byte[] content = await ReadStartAsync(response, maxBytes + 1, silence, cancellationToken).ConfigureAwait(false);
        return content.Length > maxBytes ? null : content;
    }

    /// <summary>The first bytes of the body, all of it when it is shorter.</summary>
    public static async Task<byte[]> ReadStartAsync(HttpResponseMessage response, int count, TimeSpan silence, CancellationToken cancellationToken)
    {
        // A server that drips is as useless as a mute one.
        using var whole = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        whole.CancelAfter(RetryPolicy.MaxWait);
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(whole.Token);
        stall.CancelAfter(silence);
        Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            byte[] buffer = new byte[Math.Min(InitialSize, count)];
            for (int length = 0; ;)
            {
                int read = await body.ReadAsync(buffer.AsMemory(length), stall.Token).ConfigureAwait(false);
                length += read;
                if (read == 0 || length == count)
                    return buffer[..length];
                if (length == buffer.Length)
                    Array.Resize(ref buffer, (int)Math.Min(buffer.Length * 2L, count));
                stall.CancelAfter(silence);
            }
        }
    }
}
