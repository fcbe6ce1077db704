using LlmService.Inference.Execution;

namespace LlmService.Inference.Tests.Execution;

public sealed class KvCacheTests
{
    // 16 positions of 8 floats.
    private const long FullBlock = 16 * 8 * 4;

    private static readonly CacheLayer Full = new(CacheKind.Full, 8);
    private static readonly CacheLayer Cross = new(CacheKind.Cross, 8);
    private static readonly CacheLayer Sliding = new(CacheKind.Sliding, 8, Window: 20);
    private static readonly CacheLayer State = new(CacheKind.State, 10);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(16, 1)]
    [InlineData(17, 2)]
    [InlineData(160, 10)]
    public void BytesFor_FullLayers_CountsWholeBlocks(int tokens, int blocks)
    {
        Assert.Equal(blocks * FullBlock, new KvCache([Full], 0).BytesFor(tokens, 0));
        Assert.Equal(3 * blocks * FullBlock, new KvCache([Full, Full, Full], 0).BytesFor(tokens, 0));
        Assert.Equal(blocks * FullBlock, new KvCache([Cross], 0).BytesFor(0, tokens));
    }

    [Fact]
    public void ReleaseFree_BlocksInUseAndFree_GivesUpTheFreeOnes()
    {
        KvCache cache = new([Full], 10 * FullBlock);
        using SequenceCache used = cache.Open();
        Assert.True(used.TryReserve(16));
        used.Prepare(0, 16);
        used.BlocksOf(0)[0]![0] = 7;
        SequenceCache ended = cache.Open();
        Assert.True(ended.TryReserve(32));
        ended.Prepare(0, 32);
        ended.Dispose();

        Assert.Equal(2 * FullBlock, cache.ReleaseFree());
        Assert.Equal(0, cache.ReleaseFree());

        Assert.Equal(7, used.BlocksOf(0)[0]![0]);
        using SequenceCache next = cache.Open();
        Assert.True(next.TryReserve(9 * 16));
        next.Prepare(0, 9 * 16);
    }

    [Fact]
    public void BytesFor_SlidingLayers_StopsAtWindowAndRow()
    {
        KvCache cache = new([Sliding], 0, longestRow: 8);

        // 19 positions of the past and 8 of the row lie in 3 blocks at most, in whatever place of a block they begin.
        Assert.Equal(FullBlock, cache.BytesFor(16, 0));
        Assert.Equal(3 * FullBlock, cache.BytesFor(1_000_000, 0));
    }

    [Fact]
    public void BytesFor_State_DoesNotGrow()
    {
        KvCache cache = new([State], 0);

        Assert.Equal(40, cache.BytesFor(1, 0));
        Assert.Equal(40, cache.BytesFor(100_000, 0));
    }

    [Fact]
    public void BytesFor_HugeLengths_DoesNotOverflow() =>
        Assert.Equal((1L << 31) / 16 * FullBlock, new KvCache([Full], 0).BytesFor(int.MaxValue, 0));

    [Fact]
    public void TryReserve_MoreAndMore_CountsOnlyWhatIsNew()
    {
        KvCache cache = new([Full, Cross], 10 * FullBlock);
        using SequenceCache sequence = cache.Open();

        Assert.True(sequence.TryReserve(17));
        Assert.True(sequence.TryReserve(5));
        Assert.True(sequence.TryReserve(32));
        Assert.Equal((32, 2 * FullBlock), (sequence.ReservedTokens, cache.UsedBytes));
        Assert.True(sequence.TryReserveCross(40));
        Assert.Equal((40, 5 * FullBlock), (sequence.ReservedCrossTokens, cache.UsedBytes));
    }

    [Fact]
    public void TryReserve_BeyondTheCapacity_ChangesNothing()
    {
        KvCache cache = new([Full, Sliding], 5 * FullBlock, longestRow: 8);
        using SequenceCache sequence = cache.Open();
        Assert.True(sequence.TryReserve(20));

        Assert.False(sequence.TryReserve(60));

        Assert.Equal((20, 4 * FullBlock), (sequence.ReservedTokens, cache.UsedBytes));
        using SequenceCache other = cache.Open();
        Assert.False(other.TryReserve(1));
        Assert.Equal((0, 4 * FullBlock), (other.ReservedTokens, cache.UsedBytes));
    }

    [Fact]
    public void Dispose_Sequence_GivesEverythingBackOnce()
    {
        KvCache cache = new([Full, Cross], 4 * FullBlock);
        SequenceCache sequence = cache.Open();
        Assert.True(sequence.TryReserve(30) && sequence.TryReserveCross(30));
        sequence.Prepare(0, 30);
        sequence.PrepareCross(30);
        float[] block = sequence.BlocksOf(0)[0]!;

        sequence.Dispose();
        sequence.Dispose();

        Assert.Equal(0, cache.UsedBytes);
        using SequenceCache next = cache.Open();
        Assert.True(next.TryReserve(30));
        next.Prepare(0, 30);
        Assert.Contains(block, next.BlocksOf(0));
        Assert.Throws<ObjectDisposedException>(() => sequence.TryReserve(1));
    }

    [Fact]
    public void Prepare_Unreserved_IsRefused()
    {
        KvCache cache = new([Full, Cross], 4 * FullBlock);
        using SequenceCache sequence = cache.Open();
        Assert.True(sequence.TryReserve(10));

        Assert.Throws<InvalidOperationException>(() => sequence.Prepare(5, 6));
        Assert.Throws<InvalidOperationException>(() => sequence.PrepareCross(1));
    }

    [Fact]
    public void Prepare_SlidingLayer_GivesBackWhatFellOutAndNeverHoldsMoreThanReserved()
    {
        KvCache cache = new([Sliding], 3 * FullBlock, longestRow: 8);
        using SequenceCache sequence = cache.Open();
        Assert.True(sequence.TryReserve(1000));
        Assert.Equal(3 * FullBlock, cache.UsedBytes);
        for (int position = 0; position < 1000; position += position % 3 == 0 ? 1 : 8)
        {
            sequence.Prepare(position, Math.Min(8, 1000 - position));

            float[]?[] blocks = sequence.BlocksOf(0);
            Assert.InRange(blocks.Count(b => b is not null), 1, 3);
            for (int seen = Math.Max(0, position - 19); seen <= position; seen++)
                Assert.NotNull(blocks[seen / 16]);
        }
    }

    [Fact]
    public void Prepare_RowLongerThanPromised_IsRefused()
    {
        KvCache cache = new([Sliding], 30 * FullBlock, longestRow: 8);
        using SequenceCache sequence = cache.Open();
        Assert.True(sequence.TryReserve(200));

        Assert.Throws<InvalidOperationException>(() => sequence.Prepare(0, 200));
    }

    [Fact]
    public void Prepare_State_IsClearedForEverySequence()
    {
        KvCache cache = new([State], 40);
        for (int run = 0; run < 2; run++)
        {
            using SequenceCache sequence = cache.Open();
            Assert.True(sequence.TryReserve(5));
            sequence.Prepare(0, 5);
            Assert.All(sequence.BlocksOf(0)[0]!, v => Assert.Equal(0, v));
            sequence.BlocksOf(0)[0]![0] = 1;
        }
    }

    [Fact]
    public void SlotOf_LayersOfOneKind_ShareBlocksSideBySide()
    {
        KvCache cache = new([Full, Sliding, Full], 0);

        Assert.Equal((cache.SlotOf(0).Group, 0), (cache.SlotOf(2).Group, cache.SlotOf(0).Offset));
        Assert.Equal(16 * 8, cache.SlotOf(2).Offset);
        Assert.NotEqual(cache.SlotOf(0).Group, cache.SlotOf(1).Group);
    }
}
