using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Security.Audit;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Schemas.Registry;
using PipeRoll.Streams;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Registry;

/// <summary>How the registry answered.</summary>
/// <param name="Error">Null when there is a value, or another broker has to be asked.</param>
/// <param name="AskNode">Node id of the broker that leads the registry; -1 when this one answered.</param>
public readonly record struct RegistryAnswer<T>(RegistryError? Error, T? Value, int AskNode)
{
    internal static RegistryAnswer<T> Of(T value) => new(null, value, -1);

    internal static RegistryAnswer<T> Refused(RegistryError error) => new(error, default, -1);

    internal static RegistryAnswer<T> Ask(int node) => node < 0 ? Refused(RegistryError.NoLeader()) : new(null, default, node);
}

/// <summary>
/// The schema registry of the cluster as this broker has it: a fold of the topic <c>_schemas</c>. The broker that leads the topic's one partition reads
/// and writes; the others say who that is.
/// </summary>
/// <remarks>
/// Owner: the broker. Any thread. Commands run one at a time: catch up with the log, decide, append under the epoch of the leadership, catch up. So
/// whatever was decided was decided on everything that stands before it in the log, also when two brokers both take themselves for the leader: one
/// of them can't append. Failure: nothing has changed, or the log says that it has.
/// </remarks>
public sealed partial class SchemaRegistry : IDisposable
{
    private readonly SchemaLog _log;
    private readonly SecurityAudit _audit;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _commands = new(1);
    private readonly SemaphoreSlim _reading = new(1);
    private volatile RegistryState _state = RegistryState.Empty;
    private Guid _topicId;
    private long _nextOffset;

    internal SchemaRegistry(SchemaLog log, SecurityAudit audit, TimeProvider time, ILogger logger)
    {
        _log = log;
        _audit = audit;
        _time = time;
        _logger = logger;
    }

    /// <summary>What was known when the registry was last read here, without waiting.</summary>
    public RegistryState Known => _state;

    public SchemaCache Cache { get; } = new();

    public DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>Everything that was written before the call.</summary>
    public async ValueTask<RegistryAnswer<RegistryState>> ReadAsync(CancellationToken cancellation = default)
    {
        if (_log.Partition is not { } partition)
        {
            // Nobody has registered anything yet.
            return RegistryAnswer<RegistryState>.Of(RegistryState.Empty);
        }

        if (!_log.IsOurs(partition))
        {
            return RegistryAnswer<RegistryState>.Ask(_log.LeaderOf(partition));
        }

        return await CatchUpAsync(partition, cancellation) is { } error
            ? RegistryAnswer<RegistryState>.Refused(error)
            : RegistryAnswer<RegistryState>.Of(_state);
    }

    /// <param name="decide">From the state to a plan; called once, or twice when the topic has to be made first.</param>
    /// <param name="principal">Who wants it.</param>
    /// <param name="cancellation">Only until the decision is being written.</param>
    public async ValueTask<RegistryAnswer<T>> ExecuteAsync<T>(
        Func<RegistryState, RegistryPlan<T>> decide, string principal, CancellationToken cancellation = default)
    {
        await _commands.EnterAsync(cancellation);
        try
        {
            if (_log.Partition is null)
            {
                RegistryPlan<T> first = decide(RegistryState.Empty);
                if (first.Records.Count == 0)
                {
                    return AnswerOf(first);
                }

                if (await _log.EnsureAsync(cancellation) is { } problem)
                {
                    return RegistryAnswer<T>.Refused(RegistryError.Store(problem));
                }
            }

            return await ExecuteAsync(decide, _log.Partition!, principal, cancellation);
        }
        finally
        {
            _commands.Release();
        }
    }

    public void Dispose()
    {
        _commands.Dispose();
        _reading.Dispose();
    }

    private async ValueTask<RegistryAnswer<T>> ExecuteAsync<T>(
        Func<RegistryState, RegistryPlan<T>> decide, Partition partition, string principal, CancellationToken cancellation)
    {
        if (!_log.IsOurs(partition))
        {
            return RegistryAnswer<T>.Ask(_log.LeaderOf(partition));
        }

        // Before the log is read: what another leader wrote in between is then seen, or ends this epoch.
        int epoch = _log.EpochOf(partition);
        if (await CatchUpAsync(partition, cancellation) is { } error)
        {
            return RegistryAnswer<T>.Refused(error);
        }

        RegistryPlan<T> plan = decide(_state);
        if (plan.Records.Count == 0)
        {
            return AnswerOf(plan);
        }

        AppendResult appended = await _log.AppendAsync(partition, epoch, plan.Records, principal);
        if (appended.Error != KafkaError.None)
        {
            return RegistryAnswer<T>.Refused(appended.Error == KafkaError.NotLeaderOrFollower
                ? RegistryError.NoLeader()
                : RegistryError.Store($"{appended.Error}: {appended.Message}"));
        }

        var who = new ClientIdentity("schemas", "") { Principal = principal };
        foreach (RegistryRecord record in plan.Records)
        {
            _audit.Changed(who, "SchemaRegistry", "Subject", RegistryAudit.SubjectOf(record), RegistryAudit.Describe(record));
        }

        // It stands in the log, whatever comes of reading it back.
        await CatchUpAsync(partition, CancellationToken.None);
        return AnswerOf(plan);
    }

    private static RegistryAnswer<T> AnswerOf<T>(RegistryPlan<T> plan) =>
        plan.Error is { } error ? RegistryAnswer<T>.Refused(error) : RegistryAnswer<T>.Of(plan.Result!);

    /// <returns>Null when everything that was durable at the call is in the state.</returns>
    private async ValueTask<RegistryError?> CatchUpAsync(Partition partition, CancellationToken cancellation)
    {
        if (partition.IsReadable && partition.Identity.TopicId == _topicId && Volatile.Read(ref _nextOffset) >= partition.HighWatermark)
        {
            return null;
        }

        await _reading.EnterAsync(cancellation);
        try
        {
            if (!await _log.WhenOpenAsync(partition, cancellation))
            {
                return RegistryError.Timeout($"the topic {SchemaLog.TopicName} is not open here yet");
            }

            BeginIfNew(partition);
            long end = partition.HighWatermark;
            while (_nextOffset < end)
            {
                (List<SchemaLogEntry> entries, long next) = await SchemaLog.ReadAsync(partition, _nextOffset, cancellation);
                _state = Fold(_state, entries);
                // What compaction left out at the end counts as read.
                Volatile.Write(ref _nextOffset, next > _nextOffset ? next : end);
            }

            return null;
        }
        catch (StreamUnavailableException moved)
        {
            return RegistryError.Store(moved.Message);
        }
        finally
        {
            _reading.Release();
        }
    }

    private RegistryState Fold(RegistryState state, List<SchemaLogEntry> entries)
    {
        foreach (SchemaLogEntry entry in entries)
        {
            if (RegistryRecordCodec.Read(entry.Key, entry.Value) is { } record)
            {
                state = state.Apply(record);
            }
            else
            {
                LogUnreadable(_logger, SchemaLog.TopicName, entry.Offset);
            }
        }

        return state;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Topic}: the record at offset {Offset} is none of a schema registry, and is passed over")]
    private static partial void LogUnreadable(ILogger logger, string topic, long offset);
}
