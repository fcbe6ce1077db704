namespace LlmService.Hub;

public sealed class ByteRangesTests
{
    [Fact]
    public void Add_TouchingAndOverlappingRanges_BecomeOne()
    {
        var ranges = new ByteRanges();
        foreach ((long from, long to) in new (long, long)[] { (10, 20), (40, 50), (20, 30), (25, 42), (60, 70), (5, 5), (9, 3), (-1, 4) })
            ranges.Add(from, to);

        Assert.Equal([(10, 50), (60, 70)], ranges.All);
        Assert.Equal(50, ranges.Total);
        Assert.Equal(0, ranges.Prefix);
        Assert.Equal((0, 10), ranges.FirstGap(100));
    }

    [Fact]
    public void FirstGap_AfterThePrefix_EndsAtTheNextRange()
    {
        var ranges = new ByteRanges();
        ranges.Add(0, 10);
        ranges.Add(30, 40);

        Assert.Equal(10, ranges.Prefix);
        Assert.Equal((10, 30), ranges.FirstGap(100));
        ranges.Add(10, 30);
        Assert.Equal((40, 100), ranges.FirstGap(100));
        ranges.Add(40, 100);
        Assert.Equal((100, 100), ranges.FirstGap(100));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Add_AnyOrder_IsTheSetOfPositions(int seed)
    {
        // A small generator of its own: the same cases on every machine.
        uint state = (uint)seed * 2654435761;
        var ranges = new ByteRanges();
        var expected = new HashSet<long>();
        for (int i = 0; i < 200; i++)
        {
            long from = Next(300), to = from + Next(20);
            ranges.Add(from, to);
            for (long position = from; position < to; position++)
                expected.Add(position);
            Assert.Equal(expected.Count, ranges.Total);
            Assert.Equal(expected.Order(), ranges.All.SelectMany(range => Enumerable.Range((int)range.From, (int)(range.To - range.From)).Select(p => (long)p)));
        }

        long Next(uint limit)
        {
            state = state * 1664525 + 1013904223;
            return (state >> 8) % limit;
        }
    }
}
