using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>What <see cref="StreamStorage"/> is built from: everything that simulation replaces.</summary>
public sealed record StreamStorageParts
{
    /// <summary>
    /// Which life of a broker of a cluster this is: its log is objects beside the data, and it may write only what the catalog says is
    /// its own. None for the embedded default.
    /// </summary>
    public BrokerEpoch Broker { get; init; }

    /// <summary>Needed by the embedded default, and by nobody else. Owned by the storage, which disposes it when it stops.</summary>
    public IWalDevice? WalDevice { get; init; }

    /// <summary>
    /// Whether this broker is the one that deletes what the whole cluster no longer needs; asked again each round. All may say yes for
    /// a while, which is only a waste.
    /// </summary>
    public Func<bool> IsCleaner { get; init; } = static () => true;

    /// <summary>Not owned: several storages may share it. Must have been started.</summary>
    public required IMetadataStore Metadata { get; init; }

    /// <summary>The bare store: the storage puts its request budget and retries in front of it.</summary>
    public required IObjectStore Objects { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Source of the jitter and of the log's identity.</summary>
    public required Random Random { get; init; }

    /// <summary>
    /// Where the log writes and syncs: a thread of its own with the real device. Null for the scheduler on which
    /// <see cref="StreamStorage.StartAsync"/> is called, as simulation wants it.
    /// </summary>
    public TaskScheduler? WalScheduler { get; init; }

    /// <summary>
    /// Called once when a write or sync of the log has failed, or with <see cref="BrokerFencedException"/> when the cluster has ended
    /// this life: what was acknowledged is safe, but the process must end, because nothing can be acknowledged any more.
    /// </summary>
    public Action<Exception> OnFatal { get; init; } = static _ => { };

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
