using PipeRoll.Foundation.Buffers;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// What clients do to one open stream: writers that pipeline, tail and cold readers, and a keeper that trims,
/// retains, checkpoints and compacts. Everything seen is told to the model, which checks it.
/// </summary>
/// <remarks>Lives and dies with one process; the model stays.</remarks>
internal sealed class StreamWorkload(ScenarioWorld scenario, SimulatedProcess process, IStream stream, StreamModel model)
{
    private readonly SimulatedWorld _world = scenario.World;
    private readonly Random _random = scenario.Random;
    private bool _stopping;

    /// <summary>Buffers handed over with appends: after a clean stop nobody may hold them any more.</summary>
    public List<SharedBuffer> Buffers { get; } = [];

    public StreamModel Model => model;

    private TimeProvider Time => process.Time;

    private long NowMs => Time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Works until <see cref="Stop"/>, then waits for what is in flight.</summary>
    public async Task RunAsync()
    {
        List<Task> work = [];
        for (int writer = 0; writer < scenario.Plan.WritersPerStream; writer++)
        {
            work.Add(_world.GuardAsync(WriteAsync()));
        }

        work.Add(_world.GuardAsync(ReadTailAsync()));
        work.Add(_world.GuardAsync(ReadColdAsync()));
        work.Add(_world.GuardAsync(KeepAsync()));
        await Task.WhenAll(work);
    }

    public void Stop() => _stopping = true;

    /// <summary>Reads everything from the start to the confirmed end.</summary>
    public async Task ReadAllAsync()
    {
        long offset = stream.StartOffset;
        model.SawStart(offset);
        while (offset < stream.ConfirmedOffset)
        {
            using FetchedBatches? fetched = await FetchAsync(offset, 1 + _random.Next(20_000));
            model.Require(fetched is not null, $"a read of {offset} was refused, confirmed {stream.ConfirmedOffset}");
            if (fetched!.TotalBytes == 0)
            {
                break; // the rest was compacted away; the model has checked that
            }

            offset = fetched.EndOffset;
        }
    }

    private async Task WriteAsync()
    {
        var inFlight = new Queue<Task>();
        int depth = 1 + _random.Next(6);
        while (!_stopping)
        {
            await PauseAsync(40);
            try
            {
                inFlight.Enqueue(Append());
            }
            catch (StreamUnavailableException refusal) when (refusal.Reason == StreamUnavailableReason.Full)
            {
                await PauseAsync(500);
            }
            catch (StreamUnavailableException)
            {
                break;
            }

            while (inFlight.Count >= depth || (_stopping && inFlight.Count > 0))
            {
                await inFlight.Dequeue();
            }
        }

        await Task.WhenAll(inFlight);
    }

    /// <summary>Places a batch; the task ends when the model knows its outcome.</summary>
    private Task Append()
    {
        int length = ScenarioBatch.HeaderBytes + _random.Next(_random.Next(1, scenario.Plan.BatchBytesMax));
        ScenarioBatch batch = model.MakeBatch(stream.NextOffset, 1 + _random.Next(9), NowMs - _random.Next(1000), length);
        SharedBuffer? owner = null;
        ReadOnlyMemory<byte> bytes = batch.Bytes;
        if (_random.Next(2) == 0)
        {
            owner = SharedBuffer.Rent(length + 8);
            batch.Bytes.CopyTo(owner.Memory[8..]);
            bytes = owner.Memory.Slice(8, length);
            Buffers.Add(owner);
        }

        try
        {
            Task durable = stream.Append(new StreamBatch(batch.BaseOffset, batch.Count, batch.Timestamp, bytes, owner));
            model.Appended(batch);
            return ConfirmAsync(batch, durable);
        }
        finally
        {
            owner?.Release();
        }
    }

    private async Task ConfirmAsync(ScenarioBatch batch, Task durable)
    {
        try
        {
            await durable;
        }
        catch (StreamUnavailableException)
        {
            batch.Failed = true;
            return;
        }

        _world.Trace.Note("acknowledged", model.Id.Value, batch.EndOffset);
        model.Require(
            stream.ConfirmedOffset >= batch.EndOffset,
            $"acknowledged {batch.EndOffset} but confirmed {stream.ConfirmedOffset}");
        model.ConfirmedUpTo(batch.EndOffset, "acknowledged");
    }

    private async Task ReadTailAsync()
    {
        long offset = stream.ConfirmedOffset;
        while (!_stopping)
        {
            using FetchedBatches? fetched = await FetchAsync(offset, 1 + _random.Next(30_000));
            if (fetched is null)
            {
                offset = Math.Max(offset, stream.StartOffset);
            }
            else if (fetched.TotalBytes > 0)
            {
                offset = fetched.EndOffset;
            }

            await PauseAsync(30);
        }
    }

    private async Task ReadColdAsync()
    {
        while (!_stopping)
        {
            await PauseAsync(200);
            long offset = Math.Max(0, stream.StartOffset - 3);
            offset += _random.NextInt64(stream.ConfirmedOffset - offset + 3);
            for (int i = _random.Next(6); i >= 0 && !_stopping; i--)
            {
                using FetchedBatches? fetched = await FetchAsync(offset, 1 + _random.Next(8000));
                if (fetched is null || fetched.TotalBytes == 0)
                {
                    break;
                }

                await PauseAsync(5);
                offset = fetched.EndOffset;
            }
        }
    }

    /// <summary>Null when the offset was refused as out of range.</summary>
    private async Task<FetchedBatches?> FetchAsync(long offset, int maxBytes)
    {
        while (true)
        {
            try
            {
                return await FetchOnceAsync(offset, maxBytes);
            }
            catch (Exception failure) when (scenario.IsInjected(failure))
            {
                await PauseAsync(500);
            }
        }
    }

    private async Task<FetchedBatches?> FetchOnceAsync(long offset, int maxBytes)
    {
        long startedAtStep = _world.Scheduler.Steps;
        long startBefore = model.StartMin;
        long confirmedBefore = stream.ConfirmedOffset;
        try
        {
            FetchedBatches fetched = await stream.FetchAsync(offset, maxBytes);
            model.Read(offset, maxBytes, fetched, startedAtStep, startBefore, confirmedBefore, stream.ConfirmedOffset);
            return fetched;
        }
        catch (OffsetOutOfRangeException refusal)
        {
            model.Refused(offset, refusal, confirmedBefore);
            return null;
        }
    }

    private async Task KeepAsync()
    {
        while (!_stopping)
        {
            await PauseAsync(400);
            try
            {
                await KeepOnceAsync();
            }
            catch (StreamUnavailableException)
            {
                break;
            }
            catch (Exception failure) when (scenario.IsInjected(failure))
            {
                _world.Trace.Note("keeper.failed");
            }
        }
    }

    private Task KeepOnceAsync() => _random.Next(10) switch
    {
        0 => TrimAsync(),
        1 => RetainAsync(),
        2 or 3 => CheckpointAsync(),
        4 or 5 => ReplaceAsync(),
        6 => FindByTimeAsync(),
        _ => Task.CompletedTask,
    };

    private async Task TrimAsync()
    {
        long newStart = _random.NextInt64(stream.StartOffset, stream.ConfirmedOffset + 1);
        newStart = stream.StartOffset + ((newStart - stream.StartOffset) / 3);
        model.Trimming(newStart);
        await stream.TrimAsync(newStart);
        model.Trimmed(newStart);
        model.SawStart(stream.StartOffset);
        _world.Trace.Note("trimmed", model.Id.Value, newStart);
    }

    private async Task RetainAsync()
    {
        RetentionPolicy policy = _random.Next(2) == 0
            ? new RetentionPolicy(_random.Next(5000), -1)
            : new RetentionPolicy(-1, _random.Next(60_000));
        long trimmedBefore = model.StartMax;
        model.Trimming(stream.ConfirmedOffset);
        long newStart = await stream.ApplyRetentionAsync(policy);
        model.Retained(newStart, trimmedBefore, policy, NowMs);
        _world.Trace.Note("retained", model.Id.Value, newStart);
    }

    private async Task CheckpointAsync()
    {
        var state = new byte[_random.Next(400)];
        _random.NextBytes(state);
        var checkpoint = new StreamCheckpoint(stream.ConfirmedOffset, state);
        model.SavingCheckpoint(checkpoint);
        await stream.SaveCheckpointAsync(checkpoint.Offset, checkpoint.State);
        model.SavedCheckpoint(checkpoint);
        model.ReadCheckpoint(await stream.ReadCheckpointAsync());
    }

    private async Task FindByTimeAsync()
    {
        long timestamp = NowMs - _random.Next(20_000);
        long? found = await stream.FindBlockByTimestampAsync(timestamp);
        model.FoundByTime(timestamp, found);
    }

    /// <summary>Drops some batches of the committed part, as a compaction does.</summary>
    private async Task ReplaceAsync()
    {
        long from = stream.StartOffset;
        long to = stream.CommittedOffset;
        if (to <= from)
        {
            return;
        }

        List<ScenarioBatch>? old = await ReadRangeAsync(from, to);
        if (old is [{ } first, ..] && first.BaseOffset < from)
        {
            from = first.EndOffset; // a trim left the rest of a batch
            old.RemoveAt(0);
        }

        if (old is null || old.Count == 0 || old[^1].EndOffset > to)
        {
            return;
        }

        int keepOneIn = 1 + _random.Next(4);
        List<ScenarioBatch> dropped = [.. old.Where(_ => _random.Next(keepOneIn) != 0)];
        var replacement = new Replacement();
        model.Dropping(dropped, replacement);
        try
        {
            await stream.ReplaceAsync(from, to, SurvivorsAsync(old.Except(dropped)));
            replacement.Decided(happened: true, _world.Scheduler.Steps);
            _world.Trace.Note("replaced", model.Id.Value, dropped.Count);
        }
        finally
        {
            replacement.Settled(_world.Scheduler.Steps);
        }
    }

    /// <summary>The batches that are there now, by the model's account of what a read returned.</summary>
    private async Task<List<ScenarioBatch>?> ReadRangeAsync(long from, long to)
    {
        List<ScenarioBatch> batches = [];
        while (from < to)
        {
            using FetchedBatches? fetched = await FetchAsync(from, 16_000);
            if (fetched is null)
            {
                return null;
            }

            if (fetched.TotalBytes == 0)
            {
                break;
            }

            batches.AddRange(model.BatchesOf(fetched).Where(batch => batch.BaseOffset < to));
            from = fetched.EndOffset;
        }

        return batches;
    }

    private async IAsyncEnumerable<StreamBatch> SurvivorsAsync(IEnumerable<ScenarioBatch> batches)
    {
        foreach (ScenarioBatch batch in batches)
        {
            await PauseAsync(3);
            yield return new StreamBatch(batch.BaseOffset, batch.Count, batch.Timestamp, batch.Bytes, null);
        }
    }

    private Task PauseAsync(int msMax) => process.DelayAsync(TimeSpan.FromMicroseconds(_random.Next(msMax * 1000)));
}
