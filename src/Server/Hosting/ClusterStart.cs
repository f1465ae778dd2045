using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Hosting;

/// <summary>Waits for what a broker of a cluster needs before it can begin: the database and the bucket. Bounded; says what it waits for.</summary>
internal sealed partial class ClusterStart(TimeSpan patience, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // One message in so many attempts: the first at once, then one every five seconds.
    private const int AttemptsPerMessage = 10;

    /// <exception cref="ServerStartException">It stayed away for the whole time; the message says what to look at.</exception>
    public async Task WaitForDatabaseAsync(IMetadataStore metadata, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await metadata.StartAsync(stop);
                return;
            }
            catch (MetadataUnavailableException away) when (time.GetElapsedTime(started) < patience)
            {
                if (attempt % AttemptsPerMessage == 0)
                {
                    LogDatabaseAway(logger, (patience - time.GetElapsedTime(started)).TotalSeconds, away.Message);
                }
            }
            catch (MetadataUnavailableException away)
            {
                throw new ServerStartException(
                    $"the database could not be reached for {patience.TotalSeconds:0} s ({away.Message}): see that PostgreSQL runs and that "
                    + "cluster: database is right; cluster: start.wait says how long to wait", away);
            }

            await Task.Delay(Pause, time, stop);
        }
    }

    /// <exception cref="ServerStartException">It stayed away, or it is no bucket that brokers can share.</exception>
    public async Task WaitForStoreAsync(IObjectStore store, string name, CancellationToken stop)
    {
        long started = time.GetTimestamp();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await store.ListAsync("", "", 1, stop);
                break;
            }
            catch (ObjectStoreException away) when (away.Transient && time.GetElapsedTime(started) < patience)
            {
                if (attempt % AttemptsPerMessage == 0)
                {
                    LogStoreAway(logger, name, (patience - time.GetElapsedTime(started)).TotalSeconds, away.Message);
                }
            }
            catch (ObjectStoreException away)
            {
                throw new ServerStartException(
                    $"{name} can't be used: {away.Message}; see the section store of the settings"
                    + (away.Transient ? $" (waited {patience.TotalSeconds:0} s; cluster: start.wait says how long)" : ""), away);
            }

            await Task.Delay(Pause, time, stop);
        }

        string? problem = await new BucketProbe(store, time, Guid.NewGuid).FindProblemAsync(stop);
        if (problem is not null)
        {
            throw new ServerStartException($"{name}: {problem}");
        }
    }

    [LoggerMessage(201, LogLevel.Warning, "waits for the database, {Left:F0} s more: {Reason}")]
    private static partial void LogDatabaseAway(ILogger logger, double left, string reason);

    [LoggerMessage(202, LogLevel.Warning, "waits for {Store}, {Left:F0} s more: {Reason}")]
    private static partial void LogStoreAway(ILogger logger, string store, double left, string reason);
}
