using Microsoft.Data.Sqlite;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Simulation.Faults;

/// <summary>How one process reaches the database. Null for the embedded default's: always, and it fails as SQLite does.</summary>
internal sealed record DatabaseLine(string Name, Func<bool> IsCut)
{
    /// <summary>How long a call waits while it can't reach the database.</summary>
    public int TimeoutMs { get; init; } = 1500;
}

/// <summary>Probabilities per call.</summary>
public sealed record MetadataFaults
{
    public static readonly MetadataFaults None = new();

    /// <summary>The call fails and has done nothing.</summary>
    public double ErrorBefore { get; init; }

    /// <summary>The call fails but its transaction was committed.</summary>
    public double ErrorAfter { get; init; }

    public int LatencyMsMax { get; init; } = 5;
}

/// <summary>
/// The real metadata store behind a bad line: as one process sees a database server. A call takes effect at one
/// instant between its start and its end; whether it happens when the caller dies first is up to the seed.
/// </summary>
internal sealed partial class FaultyMetadataStore(
    SimulatedWorld world, IMetadataStore inner, Func<MetadataFaults> faults, PlantedMetadata planted, DatabaseLine? line = null)
    : IMetadataStore
{
    private readonly Random _random = world.RandomFor(line is null ? "metadata" : $"metadata {line.Name}");

    public ValueTask StartAsync(CancellationToken cancellation = default) => inner.StartAsync(cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public ValueTask<IReadOnlyList<StreamId>> CreateStreamsAsync(
        int count, string principal, CancellationToken cancellation = default) =>
        CallAsync("meta.create", () => inner.CreateStreamsAsync(count, principal));

    public ValueTask<IReadOnlyList<StreamOpened>> OpenStreamsAsync(
        IReadOnlyList<StreamOpening> openings, CancellationToken cancellation = default) =>
        CallAsync("meta.open", () => inner.OpenStreamsAsync(openings));

    public ValueTask<IReadOnlyList<StreamState>> ReadStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        CallAsync("meta.read", () => inner.ReadStreamsAsync(ids));

    public ValueTask<bool> TrimStreamAsync(
        StreamId id, long epoch, long newStartOffset, CancellationToken cancellation = default) =>
        CallAsync("meta.trim", () => planted.Trim?.Invoke() ?? inner.TrimStreamAsync(id, epoch, newStartOffset));

    public async ValueTask DestroyStreamAsync(StreamId id, string principal, CancellationToken cancellation = default) =>
        await CallAsync("meta.destroy", () => DoneAsync(inner.DestroyStreamAsync(id, principal)));

    public ValueTask<IReadOnlyList<StreamId>> ListDoomedStreamsAsync(int max, CancellationToken cancellation = default) =>
        CallAsync("meta.doomed", () => inner.ListDoomedStreamsAsync(max));

    public ValueTask<long> PrepareObjectsAsync(
        int count, TimeSpan timeToLive, BrokerEpoch writer = default, CancellationToken cancellation = default) =>
        CallAsync("meta.prepare", () => inner.PrepareObjectsAsync(count, timeToLive, writer));

    public ValueTask<CommitOutcome> CommitObjectsAsync(
        IReadOnlyList<ObjectCommit> commits, CommitWriter writer = default, CancellationToken cancellation = default) =>
        CallAsync("meta.commit", () => planted.Commit?.Invoke(commits) ?? inner.CommitObjectsAsync(commits, writer));

    public ValueTask<bool> ReplaceRangesAsync(
        StreamId id, long epoch, long from, long to, IReadOnlyList<ObjectCommit> replacements,
        CancellationToken cancellation = default) =>
        CallAsync("meta.replace", () => inner.ReplaceRangesAsync(id, epoch, from, to, replacements));

    public ValueTask<IReadOnlyList<StreamRange>> ListRangesAsync(
        StreamId id, long offset, int max, CancellationToken cancellation = default) =>
        CallAsync("meta.ranges", () => inner.ListRangesAsync(id, offset, max));

    public ValueTask<StreamRange?> FindRangeByTimestampAsync(StreamId id, long timestamp, CancellationToken cancellation = default) =>
        CallAsync("meta.bytime", () => inner.FindRangeByTimestampAsync(id, timestamp));

    public ValueTask<long> FindRetentionStartAsync(StreamId id, long keepFrom, long keepBytes, CancellationToken cancellation = default) =>
        CallAsync("meta.retention", () => inner.FindRetentionStartAsync(id, keepFrom, keepBytes));

    public ValueTask<IReadOnlyList<long>> ListDueDeletesAsync(
        int max, TimeSpan readGrace, CancellationToken cancellation = default) =>
        CallAsync("meta.due", () => planted.ListDueDeletes?.Invoke(max, readGrace) ?? inner.ListDueDeletesAsync(max, readGrace));

    public async ValueTask ForgetObjectsAsync(IReadOnlyList<long> objectIds, CancellationToken cancellation = default) =>
        await CallAsync("meta.forget", () => DoneAsync(inner.ForgetObjectsAsync(objectIds)));

    public ValueTask<IReadOnlyList<ObjectRecord>> ListObjectsAsync(
        long afterId, int max, CancellationToken cancellation = default) =>
        CallAsync("meta.objects", () => inner.ListObjectsAsync(afterId, max));

    public ValueTask<bool> SaveCheckpointAsync(
        StreamId id, long epoch, StreamCheckpoint checkpoint, CancellationToken cancellation = default) =>
        CallAsync("meta.checkpoint", () => inner.SaveCheckpointAsync(id, epoch, checkpoint));

    public ValueTask<StreamCheckpoint?> ReadCheckpointAsync(StreamId id, CancellationToken cancellation = default) =>
        CallAsync("meta.readcheckpoint", () => inner.ReadCheckpointAsync(id));

    public ValueTask<IReadOnlyList<MetadataLogEntry>> ReadLogAsync(long after, int max, CancellationToken cancellation = default) =>
        CallAsync("meta.log", () => inner.ReadLogAsync(after, max));

    public ValueTask<IReadOnlyList<TopicRecord>> ListTopicsAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.topics", () => inner.ListTopicsAsync());

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreateTopicAsync(
        Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        CallAsync("meta.topic.create", () => inner.CreateTopicAsync(id, name, partitions, configs, isInternal, principal, owners));

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreatePartitionsAsync(
        string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        CallAsync("meta.topic.partitions", () => inner.CreatePartitionsAsync(name, newTotal, principal, owners));

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> DeleteTopicAsync(
        string name, string principal, CancellationToken cancellation = default) =>
        CallAsync("meta.topic.delete", () => inner.DeleteTopicAsync(name, principal));

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> SetTopicConfigsAsync(
        string name, IReadOnlyDictionary<string, string> configs, string principal, IReadOnlyDictionary<string, string>? before = null,
        CancellationToken cancellation = default) =>
        CallAsync("meta.topic.configs", () => inner.SetTopicConfigsAsync(name, configs, principal, before));

    public ValueTask<IReadOnlyList<ConfigRecord>> ListConfigsAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.configs", () => inner.ListConfigsAsync());

    public ValueTask<(CatalogError Error, ConfigRecord Record)> SetConfigsAsync(
        ConfigRecord record, string principal, IReadOnlyDictionary<string, string> before, CancellationToken cancellation = default) =>
        CallAsync("meta.configs.set", () => inner.SetConfigsAsync(record, principal, before));

    public ValueTask<IReadOnlyDictionary<StreamId, long>> MeasureStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        CallAsync("meta.measure", () => inner.MeasureStreamsAsync(ids));

    public ValueTask<string> GetClusterIdAsync(CancellationToken cancellation = default) =>
        CallAsync("meta.cluster", () => inner.GetClusterIdAsync());

    public ValueTask<long> AllocateProducerIdsAsync(int count, CancellationToken cancellation = default) =>
        CallAsync("meta.producerids", () => inner.AllocateProducerIdsAsync(count));

    private static async ValueTask<bool> DoneAsync(ValueTask call)
    {
        await call;
        return true;
    }

    private async ValueTask<T> CallAsync<T>(string what, Func<ValueTask<T>> call)
    {
        var answer = new TaskCompletionSource<T>();
        _ = world.Environment.Run(() => CarryOutAsync(what, call, answer));
        return await answer.Task;
    }

    /// <summary>A call that its caller may give up; it is carried out all the same.</summary>
    private async ValueTask<T> CallOrGiveUpAsync<T>(string what, Func<ValueTask<T>> call, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var answer = new TaskCompletionSource<T>();
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(
            static (state, token) => ((TaskCompletionSource<T>)state!).TrySetCanceled(token), answer);
        _ = world.Environment.Run(() => CarryOutAsync(what, call, answer));
        return await answer.Task;
    }

    private async Task CarryOutAsync<T>(string what, Func<ValueTask<T>> call, TaskCompletionSource<T> answer)
    {
        TimeProvider time = world.Environment.Time;
        double fate = _random.NextDouble();
        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(faults().LatencyMsMax)), time);
        if (line is not null && line.IsCut())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(line.TimeoutMs), time);
            world.Trace.Note(what, -4);
            answer.TrySetException(Busy());
            return;
        }

        if (fate < faults().ErrorBefore)
        {
            world.Trace.Note(what, -1);
            answer.TrySetException(Busy());
            return;
        }

        try
        {
            T result = await call();
            world.Trace.Note(what, 1);
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(faults().LatencyMsMax)), time);
            if (fate - faults().ErrorBefore < faults().ErrorAfter || (line is not null && line.IsCut()))
            {
                world.Trace.Note(what, -2);
                answer.TrySetException(Busy());
                return;
            }

            answer.TrySetResult(result);
        }
#pragma warning disable CA1031 // Whatever the store throws is the caller's to see.
        catch (Exception error)
#pragma warning restore CA1031
        {
            world.Trace.Note(what, -3);
            world.Trace.Say($"  {error.Message}");
            answer.TrySetException(error);
        }
    }

    /// <summary>SQLITE_BUSY, the error that a healthy database gives too; or that a server can't be reached now.</summary>
    private Exception Busy() => line is null
        ? new SqliteException("simulated: database is locked", 5)
        : new MetadataUnavailableException("simulated: the database does not answer");
}
