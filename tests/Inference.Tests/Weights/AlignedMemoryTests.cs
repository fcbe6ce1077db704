using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LlmService.Inference.Weights;

namespace LlmService.Inference.Tests.Weights;

public sealed class AlignedMemoryTests
{
    private const long Beyond = 1L << 31;

    [Fact]
    public void Writable_AnyPart_IsWhatIsReadAfterwards()
    {
        AlignedMemory memory = new("file", 1000);
        for (int i = 0; i < 1000; i++)
            memory.Writable(i, 1)[0] = (byte)i;

        Assert.Equal(0, Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(memory.Span(0, 1000))) % 64);
        Assert.Equal(Enumerable.Range(70, 900).Select(i => (byte)i), memory.Span(70, 900).ToArray());
        Assert.True(memory.Span(1000, 0).IsEmpty);
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 1001)]
    [InlineData(1000, 1)]
    [InlineData(64, -1)]
    [InlineData(long.MaxValue, 1)]
    public void Span_OutsideOfTheMemory_Throws(long offset, int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new AlignedMemory("file", 1000).Span(offset, length).ToArray());

    /// <summary>A table of 256,000 rows of 8,192 numbers has more bytes than an array of bytes takes. Only what is touched of it comes to lie in memory.</summary>
    [Fact]
    public void Writable_BeyondTwoGibibytes_IsWhatIsReadAfterwards()
    {
        Assert.SkipUnless(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes > 2 * Beyond, "the process may use too little memory");
        AlignedMemory memory = new("file", Beyond + 1000);
        memory.Writable(Beyond - 500, 1500).Fill(7);
        memory.Writable(0, 10).Clear();

        Assert.Equal(-1, memory.Span(Beyond - 500, 1500).IndexOfAnyExcept((byte)7));
        Assert.Equal(-1, memory.Span(0, 10).IndexOfAnyExcept((byte)0));
    }
}
