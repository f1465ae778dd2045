using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// A policy version that comes beside those that decide: a shadow, or one that is about to take over. It may have years of events to catch up with
/// first, and nobody shall wait for that: a thread of its own reads them, and the worker takes it over where both stand at nearly the same offset.
/// Owner: a <see cref="PartitionDecider"/>; its calls come from one thread. Failure: it is given up until the partition is taken over again, and
/// said in the log; decisions go on.
/// </summary>
/// <param name="fold">Restored to whatever it is to begin with.</param>
/// <param name="decideFrom">What is below is decided under it already.</param>
internal sealed class JoiningFold(
    PolicyFold fold, long decideFrom, TopicPartition source, KafkaConnection connection, ILogger log) : IDisposable
{
    /// <summary>So few events the worker reads itself, between two commits.</summary>
    private const int NearEvents = 1_000;

    private readonly CancellationTokenSource _stop = new();
    private Task? _catchingUp;

    /// <summary>It can't catch up.</summary>
    public bool IsGivenUp { get; private set; }

    /// <summary>Decides with the worker; null before it has caught up.</summary>
    public PolicyFold? Joined { get; private set; }

    /// <summary>
    /// Where a partition is taken over: joins at once if its state stands about where the other's does, so that no event is left out.
    /// </summary>
    /// <returns>The offset from which events must be read for both.</returns>
    public long TryJoin(long otherNextOffset)
    {
        if (otherNextOffset - fold.NextOffset > NearEvents)
        {
            return otherNextOffset;
        }

        fold.DecideOnlyFrom(decideFrom);
        Joined = fold;
        log.VersionJoined(fold.Name, source.Topic, source.Partition.Value, decideFrom);
        return Math.Min(otherNextOffset, fold.NextOffset);
    }

    /// <summary>Called when all events below an offset are committed: joins if it has caught up, else goes on catching up.</summary>
    public void OnCommitted(LogReader reader, long committed)
    {
        if (Joined is not null || IsGivenUp || _catchingUp is { IsCompleted: false })
        {
            return;
        }

        if (_catchingUp is { IsFaulted: true } failed)
        {
            IsGivenUp = true;
            log.VersionGivenUp(fold.Name, source.Topic, source.Partition.Value, failed.Exception!.GetBaseException().Message);
            return;
        }

        fold.DecideOnlyFrom(long.MaxValue);
        if (committed - fold.NextOffset <= NearEvents)
        {
            reader.Read(source, Math.Max(reader.Bounds(source).Low, fold.NextOffset), committed, record =>
            {
                fold.Take(SourceEvent.From(record));
                return true;
            });
            fold.DecideOnlyFrom(Math.Max(decideFrom, committed));
            Joined = fold;
            log.VersionJoined(fold.Name, source.Topic, source.Partition.Value, fold.DecideFrom);
            return;
        }

        _catchingUp = Task.Factory.StartNew(
            () => CatchUp(committed), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _catchingUp?.ContinueWith(_ => _stop.Dispose(), TaskScheduler.Default);
    }

    private void CatchUp(long to)
    {
        using var reader = new LogReader(connection, log);
        long low = reader.Bounds(source).Low;
        reader.Read(source, Math.Max(low, fold.NextOffset), to, record =>
        {
            fold.Take(SourceEvent.From(record));
            return !_stop.IsCancellationRequested;
        });
    }
}
