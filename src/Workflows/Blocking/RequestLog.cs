using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>The event that an idempotency key stands for.</summary>
/// <param name="Digest">Of its body.</param>
internal sealed record KnownRequest(int Partition, long Offset, string Digest);

/// <summary>The event of a request.</summary>
/// <param name="IsFresh">Whether this request put it there.</param>
internal readonly record struct ResolvedRequest(KnownRequest Event, bool IsFresh);

/// <summary>
/// Puts an event into the source topic once for each idempotency key, whatever becomes of servers and answers: event and key are written in one
/// transaction. Several servers may do so for one workflow: whoever writes takes the transactional id, which fences the one before, and reads
/// first what that one wrote (docs/formats/blocking.md).
/// Owner: a <see cref="DecisionDesk"/>. Thread: one of its own; <see cref="ResolveAsync"/> from any. Failure: the request's task fails, with
/// nothing known about its event; asked again with the same key it is right.
/// </summary>
internal sealed class RequestLog : IDisposable
{
    private const int BatchMax = 1_000;
    private const int AttemptsMax = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly WorkflowManifest _manifest;
    private readonly KafkaConnection _connection;
    private readonly ILogger _log;
    private readonly TopicPartition _home;
    private readonly BlockingCollection<Pending> _queue;
    private readonly Dictionary<string, KnownRequest> _known = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private readonly int _keysMax;
    private readonly Thread _thread;
    private IProducer<byte[]?, byte[]?>? _producer;
    private Error? _fatal;
    private long _readTo;

    public RequestLog(WorkflowManifest manifest, KafkaConnection connection, BlockingOptions options, ILogger log)
    {
        _manifest = manifest;
        _connection = connection;
        _log = log;
        _keysMax = options.KeysMax;
        _home = new TopicPartition(BlockingTopics.Requests(manifest), 0);
        _queue = new BlockingCollection<Pending>(options.RequestsMax);
        _thread = new Thread(Work) { IsBackground = true, Name = "piperoll-requests" };
        _thread.Start();
    }

    /// <summary>Tests stop the desk between an event's transaction and its answer.</summary>
    internal Action? OnCommitted { get; init; }

    /// <summary>The event of a request's idempotency key: one that is there already, or this one, now durable.</summary>
    public Task<ResolvedRequest> ResolveAsync(BlockingRequest request)
    {
        var pending = new Pending(request, new TaskCompletionSource<ResolvedRequest>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (_queue.IsAddingCompleted || !_queue.TryAdd(pending))
        {
            pending.Done.SetException(new WorkflowException("too many requests with idempotency keys wait"));
        }

        return pending.Done.Task;
    }

    public void Dispose()
    {
        _queue.CompleteAdding();
        _thread.Join();
        _producer?.Dispose();
        _queue.Dispose();
    }

    private void Work()
    {
        foreach (Pending first in _queue.GetConsumingEnumerable())
        {
            List<Pending> batch = [first];
            while (batch.Count < BatchMax && _queue.TryTake(out Pending? next))
            {
                batch.Add(next);
            }

            Resolve(batch);
        }
    }

    private void Resolve(List<Pending> batch)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Own();
                Dictionary<string, BlockingRequest> fresh = Write(batch);
                OnCommitted?.Invoke();
                foreach (Pending pending in batch)
                {
                    string key = pending.Request.IdempotencyKey!;
                    pending.Done.TrySetResult(new ResolvedRequest(_known[key], fresh.GetValueOrDefault(key) == pending.Request));
                }

                return;
            }
            catch (Exception error)
            {
                // Another server may have taken over, or a commit's answer was lost: what the topic says then is what counts.
                Disown();
                if (attempt == AttemptsMax || _queue.IsAddingCompleted)
                {
                    _log.ClientError(nameof(RequestLog), error.Message);
                    batch.ForEach(pending => pending.Done.TrySetException(new WorkflowException(error.Message, error)));
                    return;
                }
            }
        }
    }

    /// <summary>Fences whoever wrote before, and learns what he wrote.</summary>
    private void Own()
    {
        if (_producer is not null)
        {
            return;
        }

        ProducerConfig config = _connection.TransactionalConfig("piperoll-requests", "piperoll.requests." + _manifest.Name, 10_000);
        config.EnableDeliveryReports = true;
        _fatal = null;
        _producer = KafkaClients.Producer(config, _log, error => _fatal = error);
        _producer.InitTransactions(Patience);
        using var reader = new LogReader(_connection, _log, Patience);
        (long low, long high) = reader.Bounds(_home);
        reader.Read(_home, Math.Max(low, _readTo), high, record =>
        {
            Learn(record);
            return true;
        });
        _readTo = high;
    }

    private void Disown()
    {
        _producer?.Dispose();
        _producer = null;
    }

    /// <returns>Whose events are new, by key.</returns>
    private Dictionary<string, BlockingRequest> Write(List<Pending> batch)
    {
        Dictionary<string, BlockingRequest> fresh = new(StringComparer.Ordinal);
        foreach (Pending pending in batch)
        {
            if (!_known.ContainsKey(pending.Request.IdempotencyKey!))
            {
                fresh.TryAdd(pending.Request.IdempotencyKey!, pending.Request);
            }
        }

        if (fresh.Count == 0)
        {
            return fresh;
        }

        var offsets = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        _producer!.BeginTransaction();
        foreach ((string key, BlockingRequest request) in fresh)
        {
            _producer.Produce(new TopicPartition(_manifest.SourceTopic, request.Partition), EventSender.MessageOf(request), report =>
            {
                if (!report.Error.IsError)
                {
                    offsets[key] = report.Offset.Value;
                }
            });
        }

        for (long giveUp = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
            offsets.Count < fresh.Count && _fatal is null && Environment.TickCount64 < giveUp;)
        {
            _producer.Flush(TimeSpan.FromMilliseconds(50));
        }

        if (offsets.Count < fresh.Count)
        {
            throw new WorkflowException(
                $"{_manifest.SourceTopic} did not take {fresh.Count - offsets.Count} of {fresh.Count} events: {_fatal?.Reason ?? "it is away"}");
        }

        foreach ((string key, BlockingRequest request) in fresh)
        {
            _producer.Produce(_home, new Message<byte[]?, byte[]?>
            {
                Key = Encoding.UTF8.GetBytes(key),
                Value = JsonSerializer.SerializeToUtf8Bytes(
                    new KnownRequest(request.Partition, offsets[key], request.Digest), JsonSerializerOptions.Web),
            });
        }

        _producer.CommitTransaction(Patience);
        foreach ((string key, BlockingRequest request) in fresh)
        {
            Remember(key, new KnownRequest(request.Partition, offsets[key], request.Digest));
        }

        return fresh;
    }

    private void Learn(ConsumeResult<byte[]?, byte[]?> record)
    {
        try
        {
            if (record.Message is { Key: { } key, Value: { } value }
                && JsonSerializer.Deserialize<KnownRequest>(value, JsonSerializerOptions.Web) is { } known)
            {
                Remember(Encoding.UTF8.GetString(key), known);
            }
        }
        catch (JsonException error)
        {
            // Something else wrote here; it stands for no event.
            _log.ClientError(nameof(RequestLog), $"{_home.Topic} offset {record.Offset.Value}: {error.Message}");
        }
    }

    private void Remember(string key, KnownRequest request)
    {
        if (_known.TryAdd(key, request))
        {
            _order.Enqueue(key);
            if (_order.Count > _keysMax)
            {
                _known.Remove(_order.Dequeue());
            }
        }
    }

    private sealed record Pending(BlockingRequest Request, TaskCompletionSource<ResolvedRequest> Done);
}
