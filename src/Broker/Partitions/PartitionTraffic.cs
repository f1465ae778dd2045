namespace PipeRoll.Broker.Partitions;

/// <summary>Bytes in and out of one partition since the process started. Any thread; one addition per batch or answer.</summary>
internal sealed class PartitionTraffic
{
    private long _bytesIn;
    private long _bytesOut;

    public long BytesIn => Interlocked.Read(ref _bytesIn);

    public long BytesOut => Interlocked.Read(ref _bytesOut);

    public void In(int bytes) => Interlocked.Add(ref _bytesIn, bytes);

    public void Out(int bytes) => Interlocked.Add(ref _bytesOut, bytes);
}
