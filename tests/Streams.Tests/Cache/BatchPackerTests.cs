using CsCheck;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Cache;

namespace PipeRoll.Streams.Tests.Cache;

public sealed class BatchPackerTests
{
    [Fact]
    public void Every_batch_keeps_its_bytes_beside_the_others() => Gen.Int[1, BatchPacker.BatchBytesMax].Array[1, 120].Sample(
        lengths =>
        {
            using var packer = new BatchPacker();
            var random = new Random(lengths.Length);
            List<(byte[] Bytes, StreamBatch Packed)> all = [];
            foreach (int length in lengths)
            {
                byte[] bytes = new byte[length];
                random.NextBytes(bytes);
                all.Add((bytes, packer.Pack(new StreamBatch(7, 3, 11, bytes, null))));
            }

            foreach ((byte[] bytes, StreamBatch packed) in all)
            {
                Assert.Equal((7, 3, 11), (packed.BaseOffset, packed.Count, packed.MaxTimestamp));
                Assert.True(packed.Bytes.Span.SequenceEqual(bytes));
                packed.Owner!.Release();
            }
        },
        iter: 20, threads: 1);

    [Fact]
    public void A_block_outlives_the_packer_while_a_batch_is_in_it()
    {
        var packer = new BatchPacker();
        StreamBatch packed = packer.Pack(new StreamBatch(0, 1, 0, new byte[] { 1, 2, 3 }, null));
        SharedBuffer block = packed.Owner!;
        packer.Dispose();
        Assert.Equal([1, 2, 3], packed.Bytes.ToArray());
        block.Release();
        Assert.Throws<ObjectDisposedException>(() => block.Span.Length);
    }
}
