using System.Diagnostics;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Load;

/// <summary>Reads one partition in order as fast as the server gives it.</summary>
internal sealed class FetchLoad(int port, string topic, int partition, int maxBytes = 8 * 1024 * 1024)
{
    private const short FetchVersion = 11;

    /// <summary>Reads until <paramref name="endOffset"/> or until told to stop; returns bytes per second.</summary>
    public double Run(long endOffset, CancellationToken stop, out long bytes)
    {
        using var connection = new RawConnection(port);
        long offset = 0;
        bytes = 0;
        long started = Stopwatch.GetTimestamp();
        for (int correlation = 0; offset < endOffset && !stop.IsCancellationRequested; correlation++)
        {
            connection.Send(Request(offset));
            ReadOnlyMemory<byte> records = Records(connection.Receive());
            bytes += records.Length;
            offset = NextOffset(records, offset);
        }

        return bytes / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static long NextOffset(ReadOnlyMemory<byte> records, long offset)
    {
        ReadOnlySpan<byte> rest = records.Span;
        while (rest.Length >= RecordBatchHeader.Bytes)
        {
            long baseOffset = System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(rest);
            int length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(rest[8..]) + 12;
            if (length > rest.Length)
            {
                break;
            }

            offset = baseOffset + System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(rest[23..]) + 1;
            rest = rest[length..];
        }

        return offset;
    }

    private static ReadOnlyMemory<byte> Records(ReadOnlyMemory<byte> response)
    {
        // Response header version 0, throttle time, error, session, one topic: walked by hand, because the typed reader is made for servers.
        var reader = new WireReader(response[4..]);
        reader.ReadInt32();
        ThrowOn(reader.ReadInt16());
        reader.ReadInt32();
        reader.ReadInt32();
        reader.ReadString(compact: false);
        reader.ReadInt32();
        reader.ReadInt32();
        ThrowOn(reader.ReadInt16());
        reader.ReadInt64();
        reader.ReadInt64();
        reader.ReadInt64();
        int aborted = reader.ReadInt32();
        Debug.Assert(aborted <= 0, "nothing here is transactional");
        reader.ReadInt32();
        int length = reader.ReadInt32();
        return length <= 0 ? ReadOnlyMemory<byte>.Empty : response.Slice(4 + reader.Position, length);
    }

    private static void ThrowOn(short error)
    {
        if (error != 0)
        {
            throw new InvalidOperationException($"fetch: {(KafkaError)error}");
        }
    }

    private byte[] Request(long offset)
    {
        var request = new FetchRequest { ReplicaId = -1, MaxWaitMs = 500, MinBytes = 1, MaxBytes = maxBytes, SessionId = 0, SessionEpoch = -1 };
        var fetchTopic = new FetchRequest.FetchTopic { Topic = topic };
        fetchTopic.Partitions.Add(new FetchRequest.FetchPartition { Partition = partition, FetchOffset = offset, PartitionMaxBytes = maxBytes, CurrentLeaderEpoch = -1 });
        request.Topics.Add(fetchTopic);
        return RawConnection.Frame(ApiKey.Fetch, FetchVersion, request);
    }
}
