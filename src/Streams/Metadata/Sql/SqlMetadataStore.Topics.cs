using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Topics, and the log of all changes.</summary>
public abstract partial class SqlMetadataStore
{
    public ValueTask<IReadOnlyList<TopicRecord>> ListTopicsAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, TopicTables.List, cancellation);

    public ValueTask<TopicRecord?> ReadTopicAsync(string name, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => TopicTables.Find(tx, name), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreateTopicAsync(
        Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        RunAsync(
            TransactionKind.Control, tx => TopicTables.Create(tx, id, name, partitions, configs, isInternal, principal, owners), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> CreatePartitionsAsync(
        string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => TopicTables.AddPartitions(tx, name, newTotal, principal, owners), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> DeleteTopicAsync(
        string name, string principal, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => TopicTables.Delete(tx, name, principal), cancellation);

    public ValueTask<(CatalogError Error, TopicRecord? Topic)> SetTopicConfigsAsync(
        string name, IReadOnlyDictionary<string, string> configs, string principal, IReadOnlyDictionary<string, string>? before = null,
        CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => TopicTables.SetConfigs(tx, name, configs, principal, before), cancellation);

    public ValueTask<string> GetClusterIdAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => TopicTables.ReadOrMakeClusterId(tx, _newGuid), cancellation);

    public ValueTask<long> AllocateProducerIdsAsync(int count, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => TopicTables.AllocateProducerIds(tx, count), cancellation);

    public ValueTask<IReadOnlyList<MetadataLogEntry>> ReadLogAsync(long after, int max, CancellationToken cancellation = default) =>
        KnownLogEnd is { } end && after >= end
            ? ValueTask.FromResult<IReadOnlyList<MetadataLogEntry>>([])
            : RunAsync(TransactionKind.Read, tx => LogTables.Read(tx, after, max), cancellation);

    public async ValueTask<long> WaitForLogAsync(long after, TimeSpan max, CancellationToken cancellation = default)
    {
        long started = Time.GetTimestamp();
        while (true)
        {
            // Taken before the look, so that what comes after the look ends the wait.
            Task grew = LogGrew.Next;
            long end = KnownLogEnd ?? await RunAsync(TransactionKind.Read, LogTables.End, cancellation);
            TimeSpan left = max - Time.GetElapsedTime(started);
            if (end > after || left <= TimeSpan.Zero)
            {
                return end;
            }

            // A delay counts whole milliseconds.
            var wait = TimeSpan.FromMilliseconds(Math.Ceiling((left < LogPollInterval ? left : LogPollInterval).TotalMilliseconds));
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            await Task.WhenAny(grew.Follow(), Task.Delay(wait, Time, timer.Token).Follow());
            timer.Cancel();
            cancellation.ThrowIfCancellationRequested();
        }
    }
}
