using System.Collections.Concurrent;
using Confluent.Kafka;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>One consumer of a group on a thread of its own, which remembers what it was assigned and what it read.</summary>
internal sealed class GroupMember
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;
    private int _assigned;
    private int _assignments;

    public GroupMember(string bootstrap, string topic, PartitionAssignmentStrategy assignor, string? instance = null)
    {
        Group = $"group-{topic}-{assignor}";
        IConsumer<string, byte[]> consumer = new ConsumerBuilder<string, byte[]>(new ConsumerConfig
        {
            BootstrapServers = bootstrap,
            GroupId = Group,
            GroupInstanceId = instance,
            PartitionAssignmentStrategy = assignor,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            SessionTimeoutMs = 10_000,
            HeartbeatIntervalMs = 300,
        })
        .SetPartitionsAssignedHandler((_, _) => Interlocked.Increment(ref _assignments))
        .Build();
        consumer.Subscribe(topic);
        _loop = Task.Factory.StartNew(() => Run(consumer), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public string Group { get; }

    public ConcurrentQueue<int> Seen { get; } = [];

    /// <summary>How often partitions were handed to this member.</summary>
    public int Assignments => Volatile.Read(ref _assignments);

    public Task UntilAssignedAsync(int partitions) =>
        Eventually.TrueAsync(() => Volatile.Read(ref _assigned) == partitions, $"the member holds {partitions} partitions, not {Volatile.Read(ref _assigned)}");

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _loop;
    }

    private void Run(IConsumer<string, byte[]> consumer)
    {
        using (consumer)
        {
            while (!_stop.IsCancellationRequested)
            {
                ConsumeResult<string, byte[]>? record = consumer.Consume(TimeSpan.FromMilliseconds(100));
                Volatile.Write(ref _assigned, consumer.Assignment.Count);
                if (record?.Message.Value is { Length: 4 } value)
                {
                    Seen.Enqueue(BitConverter.ToInt32(value));
                }
            }

            consumer.Close();
        }
    }
}
