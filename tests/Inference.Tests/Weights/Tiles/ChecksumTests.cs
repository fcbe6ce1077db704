using LlmService.Inference.Weights.Tiles;

namespace LlmService.Inference.Tests.Weights.Tiles;

public sealed class ChecksumTests
{
    [Fact]
    public void Matches_AnyLengthAndAnyFlippedBit_IsTold()
    {
        Random random = new(2);
        byte[] sum = new byte[Checksum.Bytes];
        for (int length = 0; length < 100; length++)
        {
            byte[] bytes = new byte[length];
            random.NextBytes(bytes);
            Checksum.Write(bytes, sum);
            Assert.True(Checksum.Matches(bytes, sum));
            for (int bit = 0; bit < 8 * length; bit++)
            {
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.False(Checksum.Matches(bytes, sum));
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Fact]
    public void Write_AsManyZerosMore_IsAnotherSum()
    {
        byte[] sum = new byte[Checksum.Bytes];
        Checksum.Write(new byte[64], sum);
        Assert.False(Checksum.Matches(new byte[96], sum));
    }
}
