namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Settings beside those of topics, and how much streams take.</summary>
public abstract partial class SqlMetadataStore
{
    public ValueTask<IReadOnlyList<ConfigRecord>> ListConfigsAsync(CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, ConfigTables.List, cancellation);

    public ValueTask<(CatalogError Error, ConfigRecord Record)> SetConfigsAsync(
        ConfigRecord record, string principal, IReadOnlyDictionary<string, string> before, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Control, tx => ConfigTables.Set(tx, record, principal, before), cancellation);

    public ValueTask<IReadOnlyDictionary<StreamId, long>> MeasureStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default) =>
        RunAsync(TransactionKind.Read, tx => RangeTables.Measure(tx, ids), cancellation);
}
