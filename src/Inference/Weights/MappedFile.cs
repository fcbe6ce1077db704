using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace LlmService.Inference.Weights;

/// <summary>A file mapped into memory for reading. Its spans are valid until it is disposed.</summary>
internal sealed unsafe class MappedFile : TensorBytes
{
    private readonly SafeFileHandle _handle;
    private MemoryMappedFile? _file;
    private MemoryMappedViewAccessor? _view;
    private byte* _start;
    private bool _disposed;

    public MappedFile(string path)
    {
        Path = path;
        _handle = File.OpenHandle(path);
        try
        {
            Length = RandomAccess.GetLength(_handle);
            Map();
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>Maps a file of a model.</summary>
    /// <exception cref="InferenceException">NoUsableWeights: it is missing or cannot be read.</exception>
    public static MappedFile Open(string path)
    {
        if (!File.Exists(path))
            throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{path}' is missing.") { File = path, Remedy = "Download the missing file." };
        try
        {
            return new MappedFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{path}' cannot be read: {e.Message}", e) { File = path, Remedy = "Check the rights of the file." };
        }
    }

    public override string Path { get; }

    /// <summary>Bytes of the file when it was mapped.</summary>
    public override long Length { get; }

    /// <summary>A part of the file. Mappings may be larger than 2 GB, a span not; hence the pointer, which stays inside [0, Length).</summary>
    public override ReadOnlySpan<byte> Span(long offset, int length)
    {
        RequireInside(offset, length);
        return length == 0 ? [] : new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>Copies a part of the file by reading it. Where a page of the mapping is touched, the system maps those around it as well, and all of them count as memory of this process from then on.</summary>
    public override void Read(long offset, Span<byte> destination)
    {
        RequireInside(offset, destination.Length);
        try
        {
            while (destination.Length > 0)
            {
                int count = RandomAccess.Read(_handle, destination, offset);
                if (count == 0)
                    throw new IOException($"it ends at byte {offset}.");
                destination = destination[count..];
                offset += count;
            }
        }
        catch (IOException e)
        {
            throw new InferenceException(InferenceFailure.NoUsableWeights, $"'{Path}' cannot be read any more: {e.Message}", e) { File = Path, Remedy = "Restore the file and load the model again." };
        }
    }

    /// <summary>Maps the file anew: the pages that were read no longer count as memory of this process. No span may be in use.</summary>
    public override void ReleasePages()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Unmap();
        Map();
    }

    public override void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Unmap();
        _handle.Dispose();
    }

    private void RequireInside(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"[{offset}, {offset} + {length}) is outside of the {Length} bytes of '{Path}'.");
    }

    private void Map()
    {
        if (Length == 0)
            return;
        _file = MemoryMappedFile.CreateFromFile(_handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        // A file that has become shorter is refused here, not by the system when a page is missing.
        _view = _file.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _start = pointer + _view.PointerOffset;
    }

    private void Unmap()
    {
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }
}
