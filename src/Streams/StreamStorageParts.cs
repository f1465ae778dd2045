using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>What <see cref="StreamStorage"/> is built from: everything that simulation replaces.</summary>
public sealed record StreamStorageParts
{
    /// <summary>Owned by the storage, which disposes it when it stops.</summary>
    public required IWalDevice WalDevice { get; init; }

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
    /// Called once when a write or sync of the log has failed: what was acknowledged is safe, but the process must
    /// end, because nothing can be acknowledged any more.
    /// </summary>
    public Action<Exception> OnFatal { get; init; } = static _ => { };

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
