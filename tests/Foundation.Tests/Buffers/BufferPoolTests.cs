using CsCheck;
using PipeRoll.Foundation.Buffers;

namespace PipeRoll.Foundation.Tests.Buffers;

public sealed class BufferPoolTests
{
    [Fact]
    public void An_array_holds_what_was_asked_for_and_at_most_an_eighth_more() => Gen.Int[BufferPool.BytesMin, 64 << 20].Sample(
        length =>
        {
            var pool = new BufferPool(0);
            byte[] bytes = pool.Rent(length);
            Assert.InRange(bytes.Length, length, length + (length / 8) + 1);
            pool.Return(bytes);
            Assert.Equal(0, pool.IdleBytes);
        },
        iter: 40, threads: 1);

    [Fact]
    public void What_comes_back_is_handed_out_again()
    {
        var pool = new BufferPool(1 << 20);
        byte[] bytes = pool.Rent(100_000);
        pool.Return(bytes);
        Assert.Equal(bytes.Length, pool.IdleBytes);
        Assert.Same(bytes, pool.Rent(99_000));
        Assert.NotSame(bytes, pool.Rent(99_000));
        Assert.Equal(0, pool.IdleBytes);
    }

    [Fact]
    public void Beyond_the_bound_the_size_that_nobody_asks_for_goes_first()
    {
        var pool = new BufferPool(1_000_000);
        byte[][] old = [.. Enumerable.Range(0, 9).Select(_ => pool.Rent(100_000))];
        byte[] recent = pool.Rent(700_000);
        foreach (byte[] bytes in old)
        {
            pool.Return(bytes);
        }

        pool.Return(recent);
        Assert.InRange(pool.IdleBytes, recent.Length, 1_000_000);
        Assert.Same(recent, pool.Rent(700_000));
    }

    [Fact]
    public void A_foreign_array_is_refused() =>
        Assert.Throws<ArgumentException>(() => new BufferPool(1 << 20).Return(new byte[100_001]));
}
