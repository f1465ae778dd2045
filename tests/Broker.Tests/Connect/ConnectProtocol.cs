using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Broker.Tests.Connect;

/// <summary>What a worker runs: a connector (task -1) or one of its tasks.</summary>
internal readonly record struct Work(string Connector, int Task)
{
    public const int Itself = -1;
}

/// <summary>What a worker says when it joins: where it is reached, how far it knows the configs, and what it runs.</summary>
internal sealed record Subscription(string Url, long ConfigOffset, IReadOnlyList<Work> Running);

/// <summary>What the leader has a worker run, and what it must stop first.</summary>
internal sealed record Assignment(string LeaderId, string LeaderUrl, long ConfigOffset, IReadOnlyList<Work> Assigned, IReadOnlyList<Work> Revoked);

/// <summary>
/// The bytes that Connect's workers put into JoinGroup and SyncGroup (KIP-415: incremental cooperative, version 2 for sessioned, KIP-507). A broker
/// must not look into them.
/// </summary>
internal static class ConnectProtocol
{
    private const short Version = 2;

    public static byte[] Encode(Subscription subscription)
    {
        var bytes = new List<byte>();
        Int16(bytes, Version);
        Text(bytes, subscription.Url);
        Int64(bytes, subscription.ConfigOffset);
        byte[] running = Encode(new Assignment("", "", subscription.ConfigOffset, subscription.Running, []));
        Int32(bytes, running.Length);
        bytes.AddRange(running);
        return [.. bytes];
    }

    public static Subscription DecodeSubscription(ReadOnlyMemory<byte> encoded)
    {
        var reader = new Reader(encoded);
        Assert.Equal(Version, reader.Int16());
        (string url, long offset) = (reader.Text(), reader.Int64());
        return new Subscription(url, offset, DecodeAssignment(reader.Bytes(reader.Int32())).Assigned);
    }

    public static byte[] Encode(Assignment assignment)
    {
        var bytes = new List<byte>();
        Int16(bytes, Version);
        Int16(bytes, 0);
        Text(bytes, assignment.LeaderId);
        Text(bytes, assignment.LeaderUrl);
        Int64(bytes, assignment.ConfigOffset);
        List(bytes, assignment.Assigned);
        List(bytes, assignment.Revoked);
        Int32(bytes, 0);
        return [.. bytes];
    }

    public static Assignment DecodeAssignment(ReadOnlyMemory<byte> encoded)
    {
        var reader = new Reader(encoded);
        Assert.Equal((Version, (short)0), (reader.Int16(), reader.Int16()));
        var assignment = new Assignment(reader.Text(), reader.Text(), reader.Int64(), reader.List(), reader.List());
        Assert.Equal(0, reader.Int32());
        return assignment;
    }

    private static void Int16(List<byte> bytes, short value) => bytes.AddRange([(byte)(value >> 8), (byte)value]);

    private static void Int32(List<byte> bytes, int value)
    {
        byte[] written = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(written, value);
        bytes.AddRange(written);
    }

    private static void Int64(List<byte> bytes, long value)
    {
        byte[] written = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(written, value);
        bytes.AddRange(written);
    }

    private static void Text(List<byte> bytes, string text)
    {
        Int16(bytes, (short)Encoding.UTF8.GetByteCount(text));
        bytes.AddRange(Encoding.UTF8.GetBytes(text));
    }

    private static void List(List<byte> bytes, IReadOnlyList<Work> work)
    {
        ILookup<string, int> byConnector = work.ToLookup(static each => each.Connector, static each => each.Task);
        Int32(bytes, byConnector.Count);
        foreach (IGrouping<string, int> connector in byConnector)
        {
            Text(bytes, connector.Key);
            Int32(bytes, connector.Count());
            foreach (int task in connector)
            {
                Int32(bytes, task);
            }
        }
    }

    private sealed class Reader(ReadOnlyMemory<byte> bytes)
    {
        private int _at;

        public short Int16() => BinaryPrimitives.ReadInt16BigEndian(Bytes(sizeof(short)).Span);

        public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Bytes(sizeof(int)).Span);

        public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Bytes(sizeof(long)).Span);

        public string Text() => Encoding.UTF8.GetString(Bytes(Int16()).Span);

        public List<Work> List()
        {
            List<Work> work = [];
            for (int connectors = Int32(); connectors > 0; connectors--)
            {
                string connector = Text();
                for (int tasks = Int32(); tasks > 0; tasks--)
                {
                    work.Add(new Work(connector, Int32()));
                }
            }

            return work;
        }

        public ReadOnlyMemory<byte> Bytes(int count)
        {
            _at += count;
            return bytes.Slice(_at - count, count);
        }
    }
}
