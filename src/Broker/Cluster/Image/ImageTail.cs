using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Image;

/// <summary>Is told, in order, what changed in the image; called by the tail, one change after the other.</summary>
internal delegate ValueTask ImageListener(ClusterImage image, ImageChanges changes, CancellationToken cancellation);

/// <summary>Keeps the image up with the metadata log and tells listeners what changed.</summary>
/// <remarks>
/// Owner: the <see cref="ClusterMember"/>. While the database is away the image stays as it is, for any time. Nothing is published of a
/// step that could not be read to its end. A listener that throws ends <see cref="RunAsync"/>.
/// </remarks>
internal sealed partial class ImageTail(
    IMetadataStore metadata, ImageHolder images, ClusterOptions options, TimeProvider time, ClusterMetrics metrics, ILogger logger) : IDisposable
{
    private const int EntriesMax = 500;
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(1);
    private readonly SemaphoreSlim _gate = new(1);
    private readonly List<ImageListener> _listeners = [];
    private Func<CancellationToken, ValueTask<Action>>? _readSecurity;

    /// <summary>Reads the whole control plane. Waits for the database while that is away.</summary>
    public async ValueTask LoadAsync(CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            while (true)
            {
                try
                {
                    await PublishAsync(await ReadAllAsync(cancellation));
                    return;
                }
                catch (MetadataUnavailableException error)
                {
                    LogAway(logger, error.Message);
                    await Task.Delay(TimeSpan.FromMilliseconds(options.RetryMs), time, cancellation);
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// From now on the listener is told every change, and first, before this returns, what makes the present image of an empty one.
    /// </summary>
    public async ValueTask ListenAsync(ImageListener listener, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            ClusterImage image = images.Current;
            await listener(image, ImageChanges.Between(ClusterImage.Empty, image), cancellation);
            _listeners.Add(listener);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>From now on <paramref name="read"/> is called whenever users, entries or tokens have changed, and once now.</summary>
    public async ValueTask ListenSecurityAsync(Func<CancellationToken, ValueTask<Action>> read, CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            (await read(cancellation))();
            _readSecurity = read;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Follows the log until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                metrics.LogSeen(await metadata.WaitForLogAsync(images.Current.LogEnd, WaitMax, cancellation));
                await CatchUpAsync(cancellation);
            }
            catch (MetadataUnavailableException error)
            {
                LogAway(logger, error.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(options.RetryMs), time, cancellation);
            }
        }
    }

    /// <summary>Applies everything that is in the log now.</summary>
    /// <exception cref="MetadataUnavailableException">The database is away; what was read before is applied.</exception>
    public async ValueTask CatchUpAsync(CancellationToken cancellation)
    {
        await _gate.EnterAsync(cancellation);
        try
        {
            while (true)
            {
                IReadOnlyList<MetadataLogEntry> entries = await metadata.ReadLogAsync(images.Current.LogEnd, EntriesMax, cancellation);
                if (entries.Count == 0)
                {
                    return;
                }

                metrics.LogSeen(entries[^1].Sequence);
                Action? secured = await ReadSecurityAsync(entries, cancellation);
                Func<ClusterImage, ClusterImage> step = await ReadStepAsync(entries, cancellation);
                secured?.Invoke();
                await PublishAsync(step);
                if (entries.Count < EntriesMax)
                {
                    return;
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async ValueTask<Action?> ReadSecurityAsync(IReadOnlyList<MetadataLogEntry> entries, CancellationToken cancellation) =>
        _readSecurity is { } read && (entries[0].Sequence != images.Current.LogEnd + 1
            || entries.Any(static entry => entry.Kind.StartsWith("security.", StringComparison.Ordinal)))
        ? await read(cancellation)
        : null;

    private async ValueTask<Func<ClusterImage, ClusterImage>> ReadStepAsync(
        IReadOnlyList<MetadataLogEntry> entries, CancellationToken cancellation)
    {
        ReplayStep probe = LogReplay.Apply(images.Current, entries);
        if (probe.Snapshot)
        {
            LogReadAnew(logger, images.Current.LogEnd, entries[0].Sequence);
            return await ReadAllAsync(cancellation);
        }

        var topics = new List<(string Name, TopicRecord? Topic)>();
        foreach (string name in probe.Topics.Order(StringComparer.Ordinal))
        {
            topics.Add((name, await metadata.ReadTopicAsync(name, cancellation)));
        }

        IReadOnlyList<BrokerRecord>? brokers = probe.Brokers ? await metadata.ReadBrokersAsync(cancellation) : null;
        IReadOnlyList<ConfigRecord>? configs = probe.Configs ? await metadata.ListConfigsAsync(cancellation) : null;
        return image =>
        {
            // Applied to the image of now: a hand-over may have been noted in it meanwhile.
            image = LogReplay.Apply(image, entries).Image;
            foreach ((string name, TopicRecord? topic) in topics)
            {
                image = topic is null ? image.Without(name) : image.With(topic);
            }

            image = brokers is null ? image : image.With(brokers);
            return configs is null ? image : image.With(configs);
        };
    }

    private async ValueTask<Func<ClusterImage, ClusterImage>> ReadAllAsync(CancellationToken cancellation)
    {
        ClusterSnapshot snapshot = await metadata.ReadClusterAsync(cancellation);
        return image => image.ReplacedBy(snapshot);
    }

    /// <summary>
    /// Not to be cancelled: whoever waits for it may be a client that leaves, and what is in the image is never told again.
    /// </summary>
    private async ValueTask PublishAsync(Func<ClusterImage, ClusterImage> change)
    {
        (ClusterImage before, ClusterImage after) = images.Update(change);
        metrics.LogApplied(after.LogEnd);
        ImageChanges changes = ImageChanges.Between(before, after);
        foreach (ImageListener listener in _listeners)
        {
            await listener(after, changes, CancellationToken.None);
        }
    }

    [LoggerMessage(61, LogLevel.Debug, "the metadata can't be reached; the image of the cluster stays as it is: {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(62, LogLevel.Information,
        "the metadata log can't be followed from entry {From} to entry {To}: the image of the cluster is read anew")]
    private static partial void LogReadAnew(ILogger logger, long from, long to);
}
