using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>
/// Follows the committed decisions of a workflow from the moment it starts, and wakes who waits for one. Owner: a <see cref="DecisionDesk"/>.
/// Thread: one of its own; <see cref="WaitAsync"/> from any. Failure: it goes on as soon as the cluster is back; who waits has a deadline.
/// </summary>
internal sealed class DecisionFeed : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(int Partition, long Offset), Waiter> _waiting = [];
    private readonly Dictionary<(int Partition, long Offset), byte[]> _recent = [];
    private readonly Queue<(int Partition, long Offset)> _order = new();
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly DecisionReader _past;
    private readonly CallThread _lookingUp = new("piperoll-lookup");
    private readonly int _recentMax;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    public DecisionFeed(WorkflowManifest manifest, KafkaConnection connection, int recentMax, ILogger log)
    {
        _recentMax = recentMax;
        _log = log;
        _past = new DecisionReader(connection, manifest.DecisionTopic, log);
        ConsumerConfig config = connection.ConsumerConfig("piperoll-desk", "piperoll.desk");
        config.EnablePartitionEof = false;
        config.FetchWaitMaxMs = 500;
        _consumer = KafkaClients.Consumer(config, log).Build();
        using (var bounds = new LogReader(connection, log))
        {
            // By number and not "at the end": whatever is decided from here on is seen.
            _consumer.Assign(Enumerable.Range(0, manifest.Partitions)
                .Select(partition => new TopicPartition(manifest.DecisionTopic, partition))
                .Select(each => new TopicPartitionOffset(each, bounds.Bounds(each).High)));
        }

        _thread = new Thread(Follow) { IsBackground = true, Name = "piperoll-desk" };
        _thread.Start();
    }

    /// <summary>The decision about an event that was produced after the feed began, as soon as it is committed.</summary>
    public async Task<byte[]> WaitAsync(int partition, long offset, CancellationToken cancellation)
    {
        Waiter? waiter;
        lock (_gate)
        {
            if (_recent.TryGetValue((partition, offset), out byte[]? record))
            {
                return record;
            }

            if (!_waiting.TryGetValue((partition, offset), out waiter))
            {
                _waiting.Add((partition, offset), waiter = new Waiter());
            }

            waiter.Count++;
        }

        try
        {
            return await waiter.Decided.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                // Others may wait for the same event: requests that share an idempotency key.
                if (--waiter.Count == 0)
                {
                    _waiting.Remove((partition, offset));
                }
            }

            throw;
        }
    }

    /// <summary>The decision about an event of any time; null if there is none yet. Reads the topic.</summary>
    public Task<byte[]?> FindAsync(int partition, long offset) => _lookingUp.Run(() =>
    {
        lock (_gate)
        {
            if (_recent.TryGetValue((partition, offset), out byte[]? record))
            {
                return record;
            }
        }

        return _past.Find(partition, offset)?.Value;
    });

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _consumer.Dispose();
        _lookingUp.Run(() =>
        {
            _past.Dispose();
            return true;
        }).GetAwaiter().GetResult();
        _lookingUp.Dispose();
        _stop.Dispose();
    }

    private void Follow()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                ConsumeResult<byte[]?, byte[]?> result = _consumer.Consume(_stop.Token);
                if (OutputHeaders.Source(result.Message.Headers) is { } source && result.Message.Value is { } record)
                {
                    Take((result.Partition.Value, source), record);
                }
            }
            catch (ConsumeException error)
            {
                _log.ClientError(error.Error.Code.ToString(), error.Error.Reason);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void Take((int, long) decision, byte[] record)
    {
        Waiter? waiter;
        lock (_gate)
        {
            _recent[decision] = record;
            _order.Enqueue(decision);
            if (_order.Count > _recentMax)
            {
                _recent.Remove(_order.Dequeue());
            }

            _waiting.Remove(decision, out waiter);
        }

        waiter?.Decided.TrySetResult(record);
    }

    private sealed class Waiter
    {
        public TaskCompletionSource<byte[]> Decided { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Who waits; under the gate.</summary>
        public int Count { get; set; }
    }
}
