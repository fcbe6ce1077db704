using LlmService.Inference.Execution;
using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Execution;

public sealed class CacheSizingTests : IDisposable
{
    private readonly WorkerPool _workers = new(1);

    public void Dispose() => _workers.Dispose();

    [Fact]
    public void Create_ContextThatFits_HoldsAWholeOneAtLeast()
    {
        CacheLayer[] layers = [new(CacheKind.Full, 8), new(CacheKind.Cross, 8)];

        KvCache cache = CacheSizing.Create(layers, new EngineOptions { Workers = _workers }, 1000, 500);

        Assert.True(cache.CapacityBytes >= cache.BytesFor(1000, 500));
    }

    [Fact]
    public void Create_SlidingLayers_AreSizedByWindowAndChunk()
    {
        CacheLayer[] layers = [new(CacheKind.Sliding, 8, Window: 64)];

        KvCache cache = CacheSizing.Create(layers, new EngineOptions { Workers = _workers, PrefillChunkTokens = 32 }, 1_000_000, 0);

        Assert.InRange(cache.BytesFor(1_000_000, 0), 1, 8 * 16 * 8 * 4);
    }

    [Fact]
    public void Create_BlockBeyondAnArray_IsRefused()
    {
        CacheLayer[] layers = [.. Enumerable.Repeat(new CacheLayer(CacheKind.Full, 1 << 25), 8)];

        Assert.Equal(InferenceFailure.OutOfMemory, Assert.Throws<InferenceException>(() =>
            CacheSizing.Create(layers, new EngineOptions { Workers = _workers }, 16, 0)).Failure);
    }
}
