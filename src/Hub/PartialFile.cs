using System.Buffers;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Win32.SafeHandles;

namespace LlmService.Hub;

/// <summary>A file that is on its way: which of its bytes are there, also after a process was killed, and the hash of those without a gap.</summary>
/// <remarks>Without a journal beside it, the file holds its first bytes up to its length. As soon as bytes arrive out of order a journal
/// (<c>….parts.incomplete</c>) tells which ranges are there; it only grows, a line for each range, after the range was written. So at every
/// instant it names no byte that is not there, and a torn last line does no harm. What a crash of the machine may spoil, the hash finds.</remarks>
internal sealed class PartialFile : IDisposable
{
    private const int BufferSize = 1024 * 1024;
    private const int MaxJournalBytes = 16 * 1024 * 1024;

    /// <summary>How many bytes of one range a killed process may have to fetch again.</summary>
    private const long JournalStep = 1024 * 1024;

    // On a slow line too the journal has to grow: processes that wait see by it that this one lives.
    private static readonly TimeSpan JournalPause = TimeSpan.FromSeconds(0.5);

    private readonly Lock _lock = new();
    private readonly FileStream _file;
    private readonly string _journalPath;
    private readonly long _size;
    private readonly ByteRanges _arrived = new();
    private readonly List<Part> _claimed = [];

    // At most one signal waits: the reader looks at the state, not at the number of signals.
    private readonly Channel<bool> _moved = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private FileStream? _journal;
    private int _generation;

    private PartialFile(FileStream file, string journalPath, long size)
    {
        _file = file;
        _journalPath = journalPath;
        _size = size;
    }

    /// <summary>Bytes that are there.</summary>
    public long ArrivedBytes
    {
        get
        {
            lock (_lock)
                return _arrived.Total;
        }
    }

    public bool IsComplete => ArrivedBytes == _size;

    private SafeFileHandle Handle => _file.SafeFileHandle;

    /// <summary>Opens or begins a partial file. Nobody else can have it open.</summary>
    /// <param name="path">The path, ending in <c>.incomplete</c>.</param>
    /// <param name="size">Size of the finished file in bytes.</param>
    public static PartialFile Open(string path, long size)
    {
        string journalPath = JournalPath(path);
        DeleteLink(path);
        DeleteLink(journalPath);
        var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
        var partial = new PartialFile(stream, journalPath, size);
        try
        {
            partial.Load();
            return partial;
        }
        catch
        {
            partial.Dispose();
            throw;
        }
    }

    /// <summary>Bytes within the length of a partial file that are not there: it has gaps when it came over several connections.</summary>
    public static long GapBytes(string path)
    {
        long length = new FileInfo(path) is { Exists: true } file ? file.Length : 0;
        return ReadJournal(JournalPath(path), length) is { } arrived ? length - arrived.Total : 0;
    }

    /// <summary>Removes a partial file and what belongs to it.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        File.Delete(JournalPath(path));
    }

    /// <summary>The next bytes to fetch, from the first gap that nobody works on; null when there is none.</summary>
    public Part? Claim(long maxBytes)
    {
        lock (_lock)
        {
            ByteRanges taken = _arrived.Clone();
            foreach (Part part in _claimed)
                taken.Add(part.Position, part.End);
            (long from, long to) = taken.FirstGap(_size);
            if (from == to)
                return null;
            var claimed = new Part(from, Math.Min(to, from + Math.Min(maxBytes, _size)));
            _claimed.Add(claimed);
            return claimed;
        }
    }

    /// <summary>Gives a part back; what is missing of it can be claimed again.</summary>
    public void Release(Part part)
    {
        lock (_lock)
            _claimed.Remove(part);
        Note(part);
    }

    /// <summary>From now on bytes may arrive out of order.</summary>
    public void BeginRanges()
    {
        lock (_lock)
        {
            if (_journal is not null)
                return;
            _journal = new FileStream(_journalPath, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            string lines = Header(_size) + string.Concat(_arrived.All.Select(range => Line(range.From, range.To)));
            _journal.Write(Encoding.ASCII.GetBytes(lines));
        }
    }

    public async Task WriteAsync(Part part, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await RandomAccess.WriteAsync(Handle, bytes, part.Position, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _arrived.Add(part.Position, part.Position + bytes.Length);
            part.Position += bytes.Length;
        }
        _moved.Writer.TryWrite(true);
        if (part.Position - part.Noted >= JournalStep || TimeProvider.System.GetElapsedTime(part.NotedAt) >= JournalPause)
            Note(part);
    }

    /// <summary>Throws everything away; the part then covers the whole file. Only for the one who works on the file alone.</summary>
    public void Restart(Part? part)
    {
        lock (_lock)
        {
            _generation++;
            _arrived.Clear();
            // In this order: a kill in between leaves an empty file with a journal that says too much, and nothing of it lies within the length.
            _file.SetLength(0);
            _journal?.Dispose();
            _journal = null;
            File.Delete(_journalPath);
            if (part is not null)
                (part.Position, part.Noted, part.End) = (0, 0, _size);
        }
        _moved.Writer.TryWrite(true);
    }

    /// <summary>Hashes the bytes without a gap as they come; true when all have come and are what the tag promises.</summary>
    public async Task<bool> HashAsync(string etag, CancellationToken cancellationToken)
    {
        using IMemoryOwner<byte> buffer = MemoryPool<byte>.Shared.Rent(BufferSize);
        var hash = new ContentHash(etag, _size);
        try
        {
            (int generation, long hashed) = (0, 0);
            while (true)
            {
                (int now, long prefix) = State();
                if (now != generation)
                {
                    hash.Dispose();
                    (hash, generation, hashed) = (new ContentHash(etag, _size), now, 0);
                }
                if (hashed == _size)
                    return hash.Matches();
                if (hashed == prefix)
                {
                    await _moved.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
                    continue;
                }
                cancellationToken.ThrowIfCancellationRequested();
                // Straight from the page cache, on this task's own thread: an asynchronous read would cost a switch for every block.
                int read = RandomAccess.Read(Handle, buffer.Memory.Span[..(int)Math.Min(buffer.Memory.Length, prefix - hashed)], hashed);
                hash.Append(buffer.Memory.Span[..read]);
                hashed += read;
                if (read == 0 && State().Generation == generation)
                    throw new IOException($"'{_file.Name}' became shorter while it was read.");
            }
        }
        finally
        {
            hash.Dispose();
        }
    }

    /// <summary>Closes a finished file and removes its journal. What came in ranges is on the disk then.</summary>
    public void Finish()
    {
        if (_journal is not null)
            RandomAccess.FlushToDisk(Handle);
        _journal?.Dispose();
        _journal = null;
        File.Delete(_journalPath);
        _file.Dispose();
    }

    public void Dispose()
    {
        _journal?.Dispose();
        _file.Dispose();
    }

    private static string JournalPath(string path) => Path.ChangeExtension(path, ".parts.incomplete");

    private static string Header(long size) => string.Create(CultureInfo.InvariantCulture, $"parts 1 {size}\n");

    private static string Line(long from, long to) => string.Create(CultureInfo.InvariantCulture, $"{from}-{to}\n");

    // Never write through a link that somebody planted.
    private static void DeleteLink(string path)
    {
        if (new FileInfo(path).LinkTarget is not null)
            File.Delete(path);
    }

    private static ByteRanges? ReadJournal(string path, long length)
    {
        if (new FileInfo(path) is not { Exists: true } file)
            return null;
        var arrived = new ByteRanges();
        if (file.Length > MaxJournalBytes)
            return arrived;
        foreach (string line in File.ReadLines(path, Encoding.ASCII).Skip(1))
        {
            string[] ends = line.Split('-');
            if (ends.Length == 2
                && long.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out long from)
                && long.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out long to))
            {
                arrived.Add(from, Math.Min(to, length));
            }
        }
        return arrived;
    }

    private void Load()
    {
        long length = _file.Length;
        ByteRanges? ranges = ReadJournal(_journalPath, length);
        bool ofThisFile = length <= _size && (ranges is null || File.ReadLines(_journalPath, Encoding.ASCII).FirstOrDefault() + "\n" == Header(_size));
        if (!ofThisFile)
        {
            Restart(null);
            _generation = 0;
            return;
        }
        if (ranges is null)
        {
            _arrived.Add(0, length);
            return;
        }
        foreach ((long from, long to) in ranges.All)
            _arrived.Add(from, to);
        _journal = new FileStream(_journalPath, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        // The last line may be torn.
        _journal.Write("\n"u8);
    }

    private void Note(Part part)
    {
        lock (_lock)
        {
            if (_journal is null || part.Position == part.Noted)
                return;
            _journal.Write(Encoding.ASCII.GetBytes(Line(part.Noted, part.Position)));
            (part.Noted, part.NotedAt) = (part.Position, TimeProvider.System.GetTimestamp());
        }
    }

    private (int Generation, long Prefix) State()
    {
        lock (_lock)
            return (_generation, _arrived.Prefix);
    }

    /// <summary>A stretch of the file that one connection fetches.</summary>
    internal sealed class Part(long from, long end)
    {
        /// <summary>The next byte to come.</summary>
        public long Position { get; set; } = from;

        /// <summary>The byte after the last.</summary>
        public long End { get; set; } = end;

        /// <summary>Up to where the journal knows of it.</summary>
        public long Noted { get; set; } = from;

        /// <summary>When that was, as a timestamp of the system's clock.</summary>
        public long NotedAt { get; set; } = TimeProvider.System.GetTimestamp();

        public bool IsComplete => Position >= End;
    }
}
