using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;
using PipeRoll.Streams.Tests.Support;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>The contracts on SQLite.</summary>
internal sealed class SqliteDatabase
{
    private readonly ShiftedTime _time = new();

    public IMetadataStore Open() => SqliteMetadataStore.InMemory(_time, Guid.NewGuid);

    public ValueTask AdvanceAsync(TimeSpan by)
    {
        _time.Advance(by);
        return ValueTask.CompletedTask;
    }
}

public sealed class SqliteClusterCatalogTests : ClusterCatalogContract
{
    private readonly SqliteDatabase _database = new();

    internal override ValueTask<IMetadataStore> OpenAsync() => ValueTask.FromResult(_database.Open());

    internal override ValueTask AdvanceAsync(TimeSpan by) => _database.AdvanceAsync(by);
}

public sealed class SqlitePlacementTests : PlacementContract
{
    private readonly SqliteDatabase _database = new();

    internal override ValueTask<IMetadataStore> OpenAsync() => ValueTask.FromResult(_database.Open());

    internal override ValueTask AdvanceAsync(TimeSpan by) => _database.AdvanceAsync(by);
}

public sealed class SqliteCommitTests : CommitContract
{
    private readonly SqliteDatabase _database = new();

    internal override ValueTask<IMetadataStore> OpenAsync() => ValueTask.FromResult(_database.Open());

    internal override ValueTask AdvanceAsync(TimeSpan by) => _database.AdvanceAsync(by);
}
