using System.Collections.Concurrent;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>
/// A consumer group of two that checks what it is handed: within an assignment every offset follows the one before, a new assignment goes
/// on between what was committed and what was read, and an offset that is read again has the same value.
/// </summary>
/// <remarks>Members run on threads of their own until disposed. What is wrong is collected and fails <see cref="VerifyAsync"/>.</remarks>
internal sealed class OrderedGroup : IAsyncDisposable
{
    private const int Members = 2;
    private const int RecordsPerCommit = 2_000;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _wrong = [];
    private readonly Lock _gate = new();
    private readonly List<long>[] _read;
    private readonly long[] _committed;
    private readonly Task[] _members;
    private int _again;

    public OrderedGroup(string bootstrap, string topic, int partitions)
    {
        _read = [.. Enumerable.Range(0, partitions).Select(_ => new List<long>())];
        _committed = new long[partitions];
        Name = $"ordered-{topic}";
        _members = [.. Enumerable.Range(0, Members).Select(_ => Task.Factory.StartNew(
            () => Run(bootstrap, topic), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
    }

    public string Name { get; }

    /// <summary>Records that were handed over more than once, as after a rebalance they may be.</summary>
    public int ReadAgain => Volatile.Read(ref _again);

    /// <summary>Waits until the group has read everything that was acknowledged; then everything must have come in order.</summary>
    public async Task VerifyAsync(IReadOnlyList<List<(long Offset, long Value)>> acknowledged)
    {
        await Eventually.TrueAsync(
            () => !_wrong.IsEmpty || Enumerable.Range(0, _read.Length).All(p => Count(p) >= acknowledged[p].Count),
            "the group has read all that was acknowledged");
        Assert.Empty(_wrong);
        for (int partition = 0; partition < _read.Length; partition++)
        {
            Assert.All(acknowledged[partition], ack => Assert.Equal(ack.Value, _read[partition][(int)ack.Offset]));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_members);
        _stop.Dispose();
    }

    private int Count(int partition)
    {
        lock (_gate)
        {
            return _read[partition].Count;
        }
    }

    private void Run(string bootstrap, string topic)
    {
        var next = new Dictionary<int, long>();
        using IConsumer<Ignore, long> consumer = new ConsumerBuilder<Ignore, long>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = Name,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnableAutoCommit = false,
            SessionTimeoutMs = 6_000,
            HeartbeatIntervalMs = 500,
            ReconnectBackoffMs = 20,
            ReconnectBackoffMaxMs = 200,
        })
        .SetLogHandler((_, _) => { })
        .SetErrorHandler((_, _) => { })
        .SetPartitionsAssignedHandler((_, _) => next.Clear())
        .SetPartitionsRevokedHandler((_, _) => next.Clear())
        .SetPartitionsLostHandler((_, _) => next.Clear())
        .Build();
        consumer.Subscribe(topic);
        int uncommitted = 0;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (consumer.Consume(TimeSpan.FromMilliseconds(100)) is { } record)
                {
                    Check(record, next);
                    uncommitted++;
                }

                if (uncommitted >= RecordsPerCommit)
                {
                    uncommitted = 0;
                    Commit(consumer, topic, next);
                }
            }
            catch (ConsumeException away) when (!away.Error.IsFatal)
            {
                // A coordinator or leader is away; the client goes on by itself.
            }
        }

        consumer.Close();
    }

    private void Check(ConsumeResult<Ignore, long> record, Dictionary<int, long> next)
    {
        int partition = record.Partition.Value;
        long offset = record.Offset.Value;
        lock (_gate)
        {
            List<long> read = _read[partition];
            long committed = _committed[partition];
            if (next.TryGetValue(partition, out long expected) ? offset != expected : offset < committed || offset > read.Count)
            {
                _wrong.Enqueue($"partition {partition}: offset {offset} came after {expected - 1}; {read.Count} read, {committed} committed");
            }

            if (offset < read.Count)
            {
                _again++;
                if (read[(int)offset] != record.Message.Value)
                {
                    _wrong.Enqueue($"partition {partition}: offset {offset} was {read[(int)offset]} and is {record.Message.Value} now");
                }
            }
            else if (offset == read.Count)
            {
                read.Add(record.Message.Value);
            }
        }

        next[partition] = offset + 1;
    }

    private void Commit(IConsumer<Ignore, long> consumer, string topic, Dictionary<int, long> next)
    {
        TopicPartitionOffset[] offsets = [.. next.Select(pair => new TopicPartitionOffset(topic, pair.Key, pair.Value))];
        try
        {
            consumer.Commit(offsets);
        }
        catch (KafkaException refused) when (!refused.Error.IsFatal)
        {
            // A rebalance is under way, or the coordinator is away: what was read is read again.
            return;
        }

        lock (_gate)
        {
            foreach (TopicPartitionOffset offset in offsets)
            {
                _committed[offset.Partition.Value] = Math.Max(_committed[offset.Partition.Value], offset.Offset.Value);
            }
        }
    }
}
