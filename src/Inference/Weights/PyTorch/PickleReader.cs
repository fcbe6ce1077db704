using System.Buffers.Binary;
using System.Text;

namespace LlmService.Inference.Weights.PyTorch;

/// <summary>
/// Interprets the opcodes that <c>torch.save</c> writes (pickle protocol 2; CPython's <c>pickletools.py</c> describes them) and makes data of them. Nothing is
/// ever imported or called: what a name stands for is decided by <see cref="TorchObjects"/>, and an unknown one is an error.
/// </summary>
internal ref struct PickleReader
{
    // A shard of ten thousand tensors takes some 300,000 steps; each step makes one small object at most.
    private const int MaxSteps = 2_000_000;
    private const int MaxStack = 200_000;
    private const int MaxMarks = 64;
    private const int MaxTextBytes = 64 << 10;
    private const int MaxNameBytes = 256;
    private const byte Protocol = 2;

    private readonly string _path;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly TorchObjects _objects;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _position;

    /// <summary>Prepares reading.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="bytes">The pickle, and whatever follows it.</param>
    /// <param name="objects">Knows the names and storages.</param>
    public PickleReader(string path, ReadOnlySpan<byte> bytes, TorchObjects objects)
    {
        _path = path;
        _bytes = bytes;
        _objects = objects;
    }

    /// <summary>Bytes that were read.</summary>
    public readonly int Consumed => _position;

    /// <summary>Reads one pickle to its end.</summary>
    /// <exception cref="InferenceException">CorruptModel, NoUsableWeights.</exception>
    public object? Read()
    {
        for (int step = 0; step < MaxSteps; step++)
        {
            byte opcode = Byte();
            if (opcode == '.')
                return Pop();
            Run(opcode);
            if (_stack.Count > MaxStack)
                throw Corrupt($"holds more than {MaxStack} values at once");
        }
        throw Corrupt($"takes more than {MaxSteps} steps");
    }

    // Grouped as pickletools.py groups them.
    private void Run(byte opcode)
    {
        switch ((char)opcode)
        {
            case '\x80':
                if (Byte() is var protocol && protocol != Protocol)
                    throw Corrupt($"is of pickle protocol {protocol}; torch.save writes {Protocol}");
                break;

            case 'N': _stack.Add(null); break;
            case '\x88': _stack.Add(true); break;
            case '\x89': _stack.Add(false); break;
            case 'K': _stack.Add((long)Byte()); break;
            case 'M': _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 'J': _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case '\x8a': _stack.Add(LongInteger()); break;
            case 'G': _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 'X': _stack.Add(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;

            case '(': Mark(); break;
            case ')': _stack.Add(Array.Empty<object?>()); break;
            case '\x85': Tuple(1); break;
            case '\x86': Tuple(2); break;
            case '\x87': Tuple(3); break;
            case 't': Tuple(SinceMark()); break;
            case ']': _stack.Add(new PickleList()); break;
            case 'a': Append(1); break;
            case 'e': Append(SinceMark()); break;
            case '}': _stack.Add(new PickleDictionary()); break;
            case 's': SetItems(2); break;
            case 'u': SetItems(SinceMark()); break;

            case 'q': _memo[Byte()] = Top(); break;
            case 'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Top(); break;
            case 'h': _stack.Add(Recall(Byte())); break;
            case 'j': _stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;

            case 'c': _stack.Add(_objects.Global(Line(), Line())); break;
            case 'R': Reduce(); break;
            case 'b': Build(); break;
            case 'Q': _stack.Add(_objects.Storage(Pop())); break;

            default: throw Corrupt($"has the opcode 0x{opcode:x2}, which torch.save never writes");
        }
    }

    private void Reduce()
    {
        object? arguments = Pop();
        if (Pop() is not PickleGlobal function || arguments is not object?[] tuple)
            throw Corrupt("calls what is no function");
        _stack.Add(_objects.Call(function, tuple));
    }

    // The attributes of an OrderedDict, such as the _metadata of a state dict: nothing that weights are made of.
    private void Build()
    {
        Pop();
        if (Top() is not PickleDictionary)
            throw Corrupt("gives attributes to what has none");
    }

    private void Mark()
    {
        if (_marks.Count == MaxMarks)
            throw Corrupt($"is nested deeper than {MaxMarks} levels");
        _marks.Add(_stack.Count);
    }

    private int SinceMark()
    {
        if (_marks.Count == 0)
            throw Corrupt("ends a group that never began");
        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return _stack.Count - mark;
    }

    private void Tuple(int count) => _stack.Add(PopMany(count));

    private void Append(int count)
    {
        object?[] items = PopMany(count);
        if (Top() is not PickleList list)
            throw Corrupt("appends to what is no list");
        list.Items.AddRange(items);
    }

    private void SetItems(int count)
    {
        object?[] items = PopMany(count);
        if (items.Length % 2 != 0 || Top() is not PickleDictionary dictionary)
            throw Corrupt("adds entries to what is no dictionary");
        for (int i = 0; i < items.Length; i += 2)
            dictionary.Set(items[i] is string or long ? items[i]! : throw Corrupt("has a dictionary key that is neither a text nor a whole number"), items[i + 1]);
    }

    // A value below the innermost mark belongs to an outer group.
    private readonly int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private readonly object? Top() => _stack.Count > Floor ? _stack[^1] : throw Corrupt("uses a value that is not there");

    private object? Pop()
    {
        object? top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private readonly object?[] PopMany(int count)
    {
        int start = _stack.Count - count;
        if (start < Floor)
            throw Corrupt("uses a value that is not there");
        object?[] items = new object?[count];
        _stack.CopyTo(start, items, 0, count);
        _stack.RemoveRange(start, count);
        return items;
    }

    private readonly object? Recall(long index) => _memo.TryGetValue(index, out object? value) ? value : throw Corrupt("refers to a value that was never kept");

    private long LongInteger()
    {
        int length = Byte();
        if (length > sizeof(long))
            throw Corrupt($"has a whole number of {length} bytes");
        long value = 0;
        ReadOnlySpan<byte> bytes = Take(length);
        for (int i = 0; i < length; i++)
            value |= (long)bytes[i] << (8 * i);
        int unused = 64 - 8 * length;
        return length == 0 ? 0 : value << unused >> unused;
    }

    private string Text(uint length)
    {
        if (length > MaxTextBytes)
            throw Corrupt($"has a text of {length} bytes; at most {MaxTextBytes} were expected");
        try
        {
            return StrictUtf8.GetString(Take((int)length));
        }
        catch (DecoderFallbackException)
        {
            throw Corrupt("has a text that is not UTF-8");
        }
    }

    private string Line()
    {
        ReadOnlySpan<byte> rest = _bytes[_position..];
        int length = rest[..Math.Min(rest.Length, MaxNameBytes)].IndexOf((byte)'\n');
        if (length < 0)
            throw Corrupt("has a name without an end");
        string line = Text((uint)length);
        _position++;
        return line;
    }

    private byte Byte() => Take(1)[0];

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - _position)
            throw Corrupt("is cut off");
        ReadOnlySpan<byte> taken = _bytes.Slice(_position, count);
        _position += count;
        return taken;
    }

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly InferenceException Corrupt(string what) =>
        new(InferenceFailure.CorruptModel, $"'{_path}': the list of tensors {what} (byte {_position} of it).") { File = _path };
}
