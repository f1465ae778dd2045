using System.Diagnostics;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Load;

/// <summary>Produce requests that were built beforehand, and the threads that send them and read the answers.</summary>
internal sealed record ProduceLoad
{
    private const short ProduceVersion = 9;
    private const int RecordBytes = 1024;

    private readonly int _port;
    private readonly byte[][] _frames;

    private ProduceLoad(int port, byte[][] frames, long recordBytesPerRequest)
    {
        _port = port;
        _frames = frames;
        RecordBytesPerRequest = recordBytesPerRequest;
    }

    public long RecordBytesPerRequest { get; }

    /// <summary>Who the load is; null for nobody, in the clear.</summary>
    public BenchLogin? Login { get; init; }

    /// <summary>Every request has one batch for each partition.</summary>
    public static ProduceLoad Together(int port, string topic, int partitions, int recordsPerBatch) =>
        new(port, [Frame(topic, Enumerable.Range(0, partitions), Batch(recordsPerBatch))], (long)partitions * recordsPerBatch * RecordBytes);

    /// <summary>Every request has one batch for one partition, each in turn.</summary>
    public static ProduceLoad InTurn(int port, string topic, int partitions, int recordsPerBatch) =>
        InTurn(port, topic, Enumerable.Range(0, partitions), recordsPerBatch);

    /// <summary>Every request has one batch for one of the partitions named, each in turn.</summary>
    public static ProduceLoad InTurn(int port, string topic, IEnumerable<int> partitions, int recordsPerBatch)
    {
        byte[] batch = Batch(recordsPerBatch);
        byte[][] frames = [.. partitions.Select(partition => Frame(topic, [partition], batch))];
        return new(port, frames, (long)recordsPerBatch * RecordBytes);
    }

    /// <summary>Closed loop: always <paramref name="window"/> requests in flight. Returns bytes of records acknowledged per second.</summary>
    public double RunClosed(int window, TimeSpan time, out Percentiles latencyMs)
    {
        using var connection = new RawConnection(_port, Login);
        var sent = new Queue<long>();
        var latencies = new List<double>();
        int correlation = 0;
        long started = Stopwatch.GetTimestamp();
        for (; correlation < window; correlation++)
        {
            Send(connection, correlation, sent);
        }

        while (sent.Count > 0)
        {
            Check(connection.Receive());
            latencies.Add(Stopwatch.GetElapsedTime(sent.Dequeue()).TotalMilliseconds);
            if (Stopwatch.GetElapsedTime(started) < time)
            {
                Send(connection, correlation++, sent);
            }
        }

        latencyMs = Percentiles.Of(latencies);
        return latencies.Count * RecordBytesPerRequest / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>
    /// Open loop: requests leave on schedule whether or not earlier ones were answered, and latency counts from the moment a
    /// request was due, so that a stall is charged to every request that it delayed.
    /// </summary>
    public Percentiles RunOpen(double requestsPerSecond, TimeSpan time)
    {
        double[] latencies = MeasureOpen(requestsPerSecond, time, CancellationToken.None);
        return Percentiles.Of([.. latencies.Skip(latencies.Length / 10)]);
    }

    /// <summary>As <see cref="RunOpen"/>, until told to stop.</summary>
    /// <returns>Milliseconds by request, in order.</returns>
    /// <exception cref="IOException">The server went away.</exception>
    public double[] MeasureOpen(double requestsPerSecond, TimeSpan time, CancellationToken stop)
    {
        using var connection = new RawConnection(_port, Login);
        int total = (int)(requestsPerSecond * time.TotalSeconds);
        double ticksPerRequest = Stopwatch.Frequency / requestsPerSecond;
        long started = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 100);
        double[] latencies = new double[total];
        int answered = 0;
        Exception? failure = null;
        var receiver = new Thread(() =>
        {
            try
            {
                for (int i = 0; i < Volatile.Read(ref total); i++)
                {
                    Check(connection.Receive());
                    latencies[i] = (Stopwatch.GetTimestamp() - started - (long)(i * ticksPerRequest)) * 1000.0 / Stopwatch.Frequency;
                    answered = i + 1;
                }
            }
            catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException or InvalidOperationException)
            {
                Volatile.Write(ref failure, failed);
            }
        });
        receiver.Start();
        for (int i = 0; i < total && Volatile.Read(ref failure) is null; i++)
        {
            if (stop.IsCancellationRequested)
            {
                Volatile.Write(ref total, i + 1); // this one is the last: the receiver may be waiting for it
            }

            Pause.Until(started + (long)(i * ticksPerRequest));
            byte[] frame = _frames[i % _frames.Length];
            RawConnection.SetCorrelation(frame, i);
            if (!connection.TrySend(frame))
            {
                break;
            }
        }

        receiver.Join();
        return failure is null ? latencies[..answered] : throw new IOException("the load was cut off: " + failure.Message, failure);
    }

    public static byte[] Batch(int records)
    {
        using var builder = new RecordBatchBuilder();
        var random = new Random(11);
        for (int i = 0; i < records; i++)
        {
            byte[] value = new byte[RecordBytes];
            random.NextBytes(value);
            builder.Append(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), null, value);
        }

        return builder.Build();
    }

    private static byte[] Frame(string topic, IEnumerable<int> partitions, byte[] batch)
    {
        var data = new ProduceRequest.TopicProduceData { Name = topic };
        data.PartitionData.AddRange(partitions.Select(partition => new ProduceRequest.PartitionProduceData { Index = partition, Records = batch }));
        var request = new ProduceRequest { Acks = -1, TimeoutMs = 30_000 };
        request.TopicData.Add(data);
        return RawConnection.Frame(ApiKey.Produce, ProduceVersion, request);
    }

    private void Send(RawConnection connection, int correlation, Queue<long> sent)
    {
        byte[] frame = _frames[correlation % _frames.Length];
        RawConnection.SetCorrelation(frame, correlation);
        sent.Enqueue(Stopwatch.GetTimestamp());
        connection.Send(frame);
    }

    private static void Check(ReadOnlyMemory<byte> response)
    {
        // Response header version 1: correlation id and no tags, as Produce is flexible from version 9.
        var reader = new WireReader(response[5..]);
        foreach (ProduceResponse.TopicProduceResponse topic in ProduceResponse.Read(ref reader, ProduceVersion).Responses)
        {
            foreach (ProduceResponse.PartitionProduceResponse partition in topic.PartitionResponses)
            {
                if (partition.ErrorCode != 0)
                {
                    throw new InvalidOperationException($"partition {partition.Index}: {(KafkaError)partition.ErrorCode} {partition.ErrorMessage}");
                }
            }
        }
    }
}
