using System.Buffers.Binary;
using System.Numerics;

namespace LlmService.Inference.Kernels.Emitted;

/// <summary>
/// Writes the few x86-64 instructions that the emitted kernels are made of: on vectors of 512 bits, and what counts and moves pointers between them. Encodings are those of the Intel
/// Software Developer's Manual, volume 2. Vector registers are 0 … 31, general ones are numbered as the processor does.
/// </summary>
internal sealed class Assembler
{
    public const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsi = 6, Rdi = 7, R8 = 8, R9 = 9, R10 = 10, R11 = 11, R14 = 14, R15 = 15;

    private const int Map0F = 1, Map0F38 = 2;
    private const int None = 0, Prefix66 = 1, PrefixF3 = 2;
    private const int VectorBytes = 64;

    private readonly List<byte> _code = [];

    /// <summary>Bytes so far; where the next instruction begins.</summary>
    public int Position => _code.Count;

    public byte[] ToArray() => [.. _code];

    /// <summary>Fills up to the next cache line with instructions that do nothing.</summary>
    public void Align()
    {
        while (_code.Count % VectorBytes != 0)
            _code.Add(0x90);
    }

    public void LoadVector(int to, int from, int offset) => Vector(Map0F, PrefixF3, 0x6F, to, 0, from, offset, VectorBytes);

    public void StoreVector(int from, int to, int offset) => Vector(Map0F, None, 0x11, from, 0, to, offset, VectorBytes);

    /// <summary>One number of 32 bits in every lane.</summary>
    public void Broadcast(int to, int from, int offset) => Vector(Map0F38, Prefix66, 0x58, to, 0, from, offset, sizeof(int));

    /// <summary>One number of 32 bits, at a base and some times an index, in every lane.</summary>
    /// <param name="to">The vector.</param>
    /// <param name="from">The base.</param>
    /// <param name="index">The index.</param>
    /// <param name="times">1, 2, 4 or 8.</param>
    public void BroadcastIndexed(int to, int from, int index, int times)
    {
        Evex(Map0F38, Prefix66, 0x58, to, 0, from, index >> 3);
        _code.Add((byte)(((to & 7) << 3) | 4));
        _code.Add((byte)((BitOperations.Log2((uint)times) << 6) | ((index & 7) << 3) | (from & 7)));
    }

    /// <summary>A general register's lower 32 bits in every lane.</summary>
    public void BroadcastRegister(int to, int from) => Vector(Map0F38, Prefix66, 0x7C, to, 0, from);

    /// <summary>sum += four unsigned bytes of each lane · the four signed bytes of another vector.</summary>
    public void AddByteProducts(int sum, int bytes, int other) => Vector(Map0F38, Prefix66, 0x50, sum, bytes, other);

    /// <summary>to = from.</summary>
    public void MoveVector(int to, int from) => Vector(Map0F, Prefix66, 0x6F, to, 0, from);

    /// <summary>to = a · b.</summary>
    public void Multiply(int to, int a, int b) => Vector(Map0F, None, 0x59, to, a, b);

    /// <summary>sum += the upper halves of each lane, multiplied as bfloat16, then sum += the lower ones; both fused.</summary>
    public void AddBfloat16Products(int sum, int a, int b) => Vector(Map0F38, PrefixF3, 0x52, sum, a, b);

    public void IntegersToFloats(int to, int from) => Vector(Map0F, None, 0x5B, to, 0, from);

    /// <summary>sum += a · b, fused.</summary>
    public void MultiplyAdd(int sum, int a, int b) => Vector(Map0F38, Prefix66, 0xB8, sum, a, b);

    /// <summary>Sixteen numbers of 16 bits, as ones of 32 bits without sign.</summary>
    public void LoadWidened(int to, int from, int offset) => Vector(Map0F38, Prefix66, 0x33, to, 0, from, offset, VectorBytes / 2);

    public void And(int to, int a, int b) => Vector(Map0F, Prefix66, 0xDB, to, a, b);

    public void Clear(int register) => Vector(Map0F, Prefix66, 0xEF, register, register, register);

    /// <summary>Shifts numbers of 32 bits to the left.</summary>
    public void ShiftLeft(int to, int from, byte bits)
    {
        Vector(Map0F, Prefix66, 0x72, 6, to, from);
        _code.Add(bits);
    }

    /// <summary>Shifts numbers of 16 bits to the right.</summary>
    public void ShiftRight(int to, int from, byte bits)
    {
        Vector(Map0F, Prefix66, 0x71, 2, to, from);
        _code.Add(bits);
    }

    /// <summary>Asks for a cache line that will be read soon; nothing happens where there is no memory.</summary>
    public void Prefetch(int from, int offset)
    {
        if (from >= R8)
            _code.Add(0x41);
        _code.Add(0x0F);
        _code.Add(0x18);
        Address(1, from, offset, 1);
    }

    public void Load(int to, int from, int offset) => General(0x8B, to, from, offset);

    public void Store(int from, int to, int offset) => General(0x89, from, to, offset);

    /// <summary>to += the 64 bits in memory.</summary>
    public void Add(int to, int from, int offset) => General(0x03, to, from, offset);

    public void Add(int to, int value)
    {
        Prefix(0, to);
        _code.Add(0x81);
        _code.Add((byte)(0xC0 | (to & 7)));
        Number(value);
    }

    /// <summary>to += from.</summary>
    public void AddRegister(int to, int from)
    {
        Prefix(from, to);
        _code.Add(0x01);
        _code.Add((byte)(0xC0 | ((from & 7) << 3) | (to & 7)));
    }

    /// <summary>Keeps a register that belongs to the caller.</summary>
    public void Push(int register) => OneByte(0x50, register);

    /// <summary>Gives the caller's register back.</summary>
    public void Pop(int register) => OneByte(0x58, register);

    /// <summary>to = from.</summary>
    public void Move(int to, int from)
    {
        Prefix(from, to);
        _code.Add(0x89);
        _code.Add((byte)(0xC0 | ((from & 7) << 3) | (to & 7)));
    }

    /// <summary>A number of 32 bits to one of the first eight general registers.</summary>
    public void Set(int to, int value)
    {
        _code.Add((byte)(0xB8 | to));
        Number(value);
    }

    /// <summary>Subtracts 1, and goes back to a position unless that gives 0.</summary>
    public void Repeat(int counter, int position)
    {
        Prefix(0, counter);
        _code.Add(0xFF);
        _code.Add((byte)(0xC8 | (counter & 7)));
        _code.Add(0x0F);
        _code.Add(0x85);
        Number(position - (Position + sizeof(int)));
    }

    /// <summary>Leaves the vector unit as other code expects it, and returns.</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    // EVEX with registers only.
    private void Vector(int map, int prefix, byte opcode, int register, int second, int third)
    {
        Evex(map, prefix, opcode, register, second, third, (third >> 4) & 1);
        _code.Add((byte)(0xC0 | ((register & 7) << 3) | (third & 7)));
    }

    // EVEX with memory. A displacement of one byte counts in units of what is read.
    private void Vector(int map, int prefix, byte opcode, int register, int second, int from, int offset, int unit)
    {
        Evex(map, prefix, opcode, register, second, from, 0);
        Address(register, from, offset, unit);
    }

    private void Evex(int map, int prefix, byte opcode, int register, int second, int third, int thirdHigh)
    {
        _code.Add(0x62);
        _code.Add((byte)(Inverted(register, 3, 7) | (thirdHigh == 0 ? 0x40 : 0) | Inverted(third, 3, 5) | Inverted(register, 4, 4) | map));
        _code.Add((byte)(((~second & 15) << 3) | 4 | prefix));
        _code.Add((byte)(0x40 | Inverted(second, 4, 3)));
        _code.Add(opcode);
    }

    // With 64-bit operands and memory.
    private void General(byte opcode, int register, int from, int offset)
    {
        Prefix(register, from);
        _code.Add(opcode);
        Address(register, from, offset, 1);
    }

    private void OneByte(byte opcode, int register)
    {
        if (register >= R8)
            _code.Add(0x41);
        _code.Add((byte)(opcode | (register & 7)));
    }

    private void Prefix(int register, int third) => _code.Add((byte)(0x48 | ((register >> 3) << 2) | (third >> 3)));

    private void Address(int register, int from, int offset, int unit)
    {
        // Stack and frame pointer, and the registers that share their numbers, are encoded otherwise; no kernel needs them.
        if ((from & 7) is 4 or 5)
            throw new InvalidOperationException($"register {from} is no base of an address");
        if (offset == 0)
        {
            _code.Add((byte)(((register & 7) << 3) | (from & 7)));
        }
        else if (offset % unit == 0 && offset / unit is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            _code.Add((byte)(0x40 | ((register & 7) << 3) | (from & 7)));
            _code.Add((byte)(offset / unit));
        }
        else
        {
            _code.Add((byte)(0x80 | ((register & 7) << 3) | (from & 7)));
            Number(offset);
        }
    }

    private void Number(int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _code.AddRange(bytes);
    }

    private static int Inverted(int number, int bit, int to) => (~(number >> bit) & 1) << to;
}
