using System.Buffers.Binary;
using LlmService.Inference.Configuration;

namespace LlmService.Inference.Weights.PyTorch;

/// <summary>
/// Reads the tensors of a <c>.bin</c> file as <c>torch.save</c> writes it: a ZIP archive since PyTorch 1.6, a stream of pickles and storages before
/// (<c>torch/serialization.py</c>). It executes nothing, and what lies in order is used where it lies.
/// </summary>
internal static class PyTorchFile
{
    private const int MaxListBytes = 64 << 20;
    private const int FormatVersion = 1001;

    // The beginnings of the two forms: a local header of ZIP; a pickle of 0x1950a86a20f9469cfc6c.
    private static ReadOnlySpan<byte> ZipStart => [(byte)'P', (byte)'K', 3, 4];

    private static ReadOnlySpan<byte> StreamStart => [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.'];

    // Where training code keeps the tensors among other things.
    private static readonly string[] Nests = ["state_dict", "model_state_dict", "model", "module"];

    /// <summary>Lists the tensors of a file.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public static IReadOnlyList<StoredTensor> Read(MappedFile file)
    {
        if (Starts(file, ZipStart))
            return ReadZip(file);
        if (Starts(file, StreamStart))
            return ReadStream(file);
        throw Corrupt(file, "is neither the archive nor the stream that torch.save writes");
    }

    private static List<StoredTensor> ReadZip(MappedFile file)
    {
        Dictionary<string, (long Offset, long Length)> entries = StoredZip.Read(file);
        const string list = "/data.pkl";
        string[] lists = [.. entries.Keys.Where(name => name.EndsWith(list, StringComparison.Ordinal) && name.Count(c => c == '/') == 1)];
        if (lists.Length != 1)
            throw Corrupt(file, $"has {lists.Length} entries named data.pkl; one was expected");
        string folder = lists[0][..^list.Length];
        // Written since 2.0, and since 1.6 only on machines that are little endian.
        if (entries.TryGetValue($"{folder}/byteorder", out var order) && !(order.Length == 6 && file.Span(order.Offset, 6).SequenceEqual("little"u8)))
            throw BigEndian(file);
        (long offset, long length) = entries[lists[0]];
        if (length > MaxListBytes)
            throw Corrupt(file, $"has a list of tensors of {length} bytes; at most {MaxListBytes} were expected");
        TorchObjects objects = new(file.Path);
        object? root = new PickleReader(file.Path, file.Span(offset, (int)length), objects).Read();
        return Tensors(file, root, storage => entries.TryGetValue($"{folder}/data/{storage.Key}", out var place) ? place : null);
    }

    private static List<StoredTensor> ReadStream(MappedFile file)
    {
        long position = StreamStart.Length;
        if (Next(file, ref position, new(file.Path)) is not (long)FormatVersion)
            throw Corrupt(file, $"is not of version {FormatVersion} of the stream");
        if ((Next(file, ref position, new(file.Path)) as PickleDictionary)?.Find("little_endian") is not true)
            throw BigEndian(file);
        TorchObjects objects = new(file.Path);
        object? root = Next(file, ref position, objects);
        if (Next(file, ref position, new(file.Path)) is not PickleList keys)
            throw Corrupt(file, "has no list of storages");
        Dictionary<string, (long Offset, long Length)> places = Storages(file, position, keys, objects);
        return Tensors(file, root, storage => places.TryGetValue(storage.Key, out var place) ? place : null);
    }

    private static object? Next(MappedFile file, ref long position, TorchObjects objects)
    {
        PickleReader reader = new(file.Path, file.Span(position, (int)Math.Min(MaxListBytes, file.Length - position)), objects);
        object? value = reader.Read();
        position += reader.Consumed;
        return value;
    }

    /// <summary>The storages that follow the lists of a stream, each behind its count of numbers.</summary>
    private static Dictionary<string, (long Offset, long Length)> Storages(MappedFile file, long position, PickleList keys, TorchObjects objects)
    {
        Dictionary<string, (long Offset, long Length)> places = new(StringComparer.Ordinal);
        foreach (object? item in keys.Items)
        {
            if (item is not string key || !objects.Referenced.TryGetValue(key, out StorageReference? storage))
                throw Corrupt(file, "lists a storage that no tensor refers to");
            if (position > file.Length - sizeof(long) || BinaryPrimitives.ReadInt64LittleEndian(file.Span(position, sizeof(long))) != storage.Count)
                throw Corrupt(file, $"does not hold the {storage.Count} numbers of the storage '{ConfigReader.Quote(key)}' where they were expected; it is cut off or damaged");
            position += sizeof(long);
            long length = ByteCount(file, storage);
            if (length > file.Length - position)
                throw Corrupt(file, $"ends inside of the storage '{ConfigReader.Quote(key)}'; it is cut off");
            if (!places.TryAdd(key, (position, length)))
                throw Corrupt(file, $"lists the storage '{ConfigReader.Quote(key)}' twice");
            position += length;
        }
        return places;
    }

    /// <summary>
    /// The tensors of a state dict. Numbers, texts and nothing beside them are settings of a training and are left out; anything else is refused. A dictionary
    /// without tensors is looked into, one level deep, where training code keeps its state dict.
    /// </summary>
    private static List<StoredTensor> Tensors(MappedFile file, object? root, Func<StorageReference, (long Offset, long Length)?> find)
    {
        if (root is not PickleDictionary dictionary)
            throw Corrupt(file, "holds no dictionary of tensors", null, InferenceFailure.NoUsableWeights);
        if (!dictionary.Entries.Any(entry => entry.Value is TensorView))
            dictionary = Nests.Select(dictionary.Find).OfType<PickleDictionary>().FirstOrDefault() ?? dictionary;
        TensorPlacement placement = new(file, find);
        List<StoredTensor> tensors = [];
        foreach ((object key, object? value) in dictionary.Entries)
        {
            if (key is string name && value is TensorView view)
                tensors.Add(placement.Place(name, view));
            else if (value is not (null or bool or long or double or string))
                throw Corrupt(file, $"holds something else than a tensor under '{ConfigReader.Quote(key.ToString()!)}'", null, InferenceFailure.NoUsableWeights);
            if (tensors.Count > TorchObjects.MaxTensors)
                throw Corrupt(file, $"holds more than {TorchObjects.MaxTensors} tensors");
        }
        return tensors.Count > 0 ? tensors : throw Corrupt(file, "holds no tensors", null, InferenceFailure.NoUsableWeights);
    }

    private static bool Starts(MappedFile file, ReadOnlySpan<byte> start) => file.Length >= start.Length && file.Span(0, start.Length).SequenceEqual(start);

    private static long ByteCount(MappedFile file, StorageReference storage)
    {
        try
        {
            return storage.ByteCount;
        }
        catch (OverflowException)
        {
            throw Corrupt(file, $"has a storage of {storage.Count} numbers");
        }
    }

    private static InferenceException BigEndian(MappedFile file) => Corrupt(file, "was written on a machine that is big endian, or does not tell", null, InferenceFailure.NoUsableWeights);

    private static InferenceException Corrupt(MappedFile file, string what, string? tensor = null, InferenceFailure failure = InferenceFailure.CorruptModel) =>
        new(failure, $"'{file.Path}' {what}.") { File = file.Path, Tensor = tensor };
}
