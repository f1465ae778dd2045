using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Holding;

/// <summary>
/// Follows the committed decisions of a workflow, begins a hold for each that holds its event, and ends those whose time is up. Several may run, each in
/// its own server: what one has done the others see before they do anything.
/// </summary>
/// <remarks>Owner: its creator. A thread of its own. Failure: said in the log; it goes on from where the topic says, so nothing is left out.</remarks>
public sealed class HoldKeeper : IDisposable
{
    /// <summary>Decisions of a partition between two notes of how far was read, where nothing is held.</summary>
    private const int SeenEvery = 100_000;
    private const int BeatMax = 20_000;
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly WorkflowManifest _manifest;
    private readonly HoldDesk _desk;
    private readonly KafkaConnection _connection;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<int, int> _unnoted = [];
    private readonly Thread _thread;

    public HoldKeeper(WorkflowManifest manifest, HoldDesk desk, KafkaConnection connection, ILogger log)
    {
        _manifest = manifest;
        _desk = desk;
        _connection = connection;
        _log = log;
        _thread = new Thread(Keep) { IsBackground = true, Name = "piperoll-holds" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    private void Keep()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Follow();
            }
            catch (Exception error) when (error is WorkflowException or KafkaException or FormatException)
            {
                _log.NotFollowed("holds", _manifest.Name, error.Message);
                _stop.Token.WaitHandle.WaitOne(Pause);
            }
        }
    }

    private void Follow()
    {
        ConsumerConfig config = _connection.ConsumerConfig("piperoll-holds", "piperoll.holds");
        config.EnablePartitionEof = false;
        using IConsumer<byte[]?, byte[]?> consumer = KafkaClients.Consumer(config, _log).Build();
        consumer.Assign(Enumerable.Range(0, _manifest.Partitions)
            .Select(partition => new TopicPartitionOffset(_manifest.DecisionTopic, partition, _desk.SeenUpTo(partition))));
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                TakeIn(consumer);
                _desk.Expire();
            }
        }
        finally
        {
            consumer.Unassign();
        }
    }

    /// <summary>What comes within a beat. Where nothing is held, how far was read is written now and then only.</summary>
    private void TakeIn(IConsumer<byte[]?, byte[]?> consumer)
    {
        var batches = new Dictionary<int, (List<DecisionRecord> Held, long Next, int Count)>();
        long end = Environment.TickCount64 + (long)Beat.TotalMilliseconds;
        int left = BeatMax;
        while (left > 0 && Environment.TickCount64 < end && !_stop.IsCancellationRequested
            && consumer.Consume((int)Math.Max(1, end - Environment.TickCount64)) is { } result)
        {
            left--;
            (List<DecisionRecord> held, _, int count) = batches.GetValueOrDefault(result.Partition.Value, ([], 0, 0));
            if (OutputHeaders.Source(result.Message.Headers) is not null && result.Message.Value is { } value && IsHold(value))
            {
                held.Add(DecisionRecord.Parse(value));
            }

            batches[result.Partition.Value] = (held, result.Offset.Value + 1, count + 1);
        }

        foreach ((int partition, (List<DecisionRecord> held, long next, int count)) in batches)
        {
            int unnoted = _unnoted.GetValueOrDefault(partition) + count;
            if (held.Count > 0 || unnoted >= SeenEvery)
            {
                _desk.TakeIn(partition, held, next);
                unnoted = 0;
            }

            _unnoted[partition] = unnoted;
        }
    }

    /// <summary>Told from the bytes: most decisions hold nothing, and need not be read whole.</summary>
    private static bool IsHold(ReadOnlySpan<byte> record) => record.IndexOf("\"outcome\":\"hold\",\"score\":"u8) >= 0;
}
