using LlmService.Inference.Kernels;

namespace LlmService.Inference.Tests.Kernels;

public sealed class ProcessorsTests
{
    [Fact]
    public void Leave_ThisProcessor_MovesTheThreadToAnother()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.ProcessorCount > 1, "needs Linux and two processors");

        // The system may take the thread back at once, but not every time.
        bool hasMoved = Enumerable.Range(0, 100).Any(_ =>
        {
            int before = Processors.Current;
            Processors.Leave(before);
            return Processors.Current != before;
        });

        Assert.True(hasMoved);
    }

    [Theory]
    [InlineData(Processors.Unknown)]
    [InlineData(1024)]
    public void Leave_NoProcessor_DoesNothing(int processor) => Processors.Leave(processor);
}
