using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;
using PipeRoll.Streams;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// The write-ahead log alone through several lives: quick, and close to the disk. What is replayed must be an unbroken
/// piece of what was appended, from at most the trim point to at least the last acknowledgement.
/// </summary>
internal sealed class WalScenario : IWalReplay, IWalClient
{
    private readonly SimulatedWorld _world;
    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly StreamStorageOptions _options;
    private readonly List<ScenarioBatch> _appended = [];
    private readonly int _batchBytesMax;
    private int _acknowledged;
    private int _trimmed;
    private int _confirmed;
    private int _replayed;
    private bool _stopping;

    private WalScenario(SimulatedWorld world)
    {
        _world = world;
        _random = world.RandomFor("scenario");
        ScenarioPlan plan = ScenarioPlan.Draw(world.RandomFor("plan"));
        _disk = new SimulatedDisk(world, plan.Disk);
        _options = plan.Options;
        _batchBytesMax = plan.BatchBytesMax * 2;
    }

    public static async Task RunAsync(SimulatedWorld world)
    {
        var scenario = new WalScenario(world);
        int lives = 1 + scenario._random.Next(8);
        for (int life = 0; life <= lives; life++)
        {
            await scenario.LiveAsync($"life {life}", calm: life == lives);
        }
    }

    public ValueTask ReplayAsync(IReadOnlyList<WalReplayedBatch> batches)
    {
        foreach (WalReplayedBatch replayed in batches)
        {
            int index = (int)replayed.Batch.BaseOffset;
            Require(_replayed < 0 || index == _replayed, $"replayed {index} after {_replayed - 1}");
            Require(_replayed >= 0 || index <= _trimmed, $"the replay starts at {index} but only what is below {_trimmed} was trimmed");
            Require(index < _appended.Count, $"replayed {index} of {_appended.Count}");
            Require(replayed.Batch.Bytes.Span.SequenceEqual(_appended[index].Bytes), $"replayed other bytes for {index}");
            _replayed = index + 1;
        }

        return ValueTask.CompletedTask;
    }

    public void Confirmed(in StreamBatch batch)
    {
        Require(batch.BaseOffset == _confirmed, $"confirmed {batch.BaseOffset} after {_confirmed - 1}");
        _confirmed++;
        _acknowledged = _confirmed;
    }

    private async Task LiveAsync(string name, bool calm)
    {
        SimulatedProcess process = _world.StartProcess(name);
        if (calm)
        {
            _disk.Faults = DiskFaults.None;
        }
        else if (_random.Next(4) != 0)
        {
            process.KillAfterSteps(_random.Next(1, 1500));
        }

        _stopping = false;
        Task work = _world.GuardAsync(process.Run(() => WorkAsync(process)));
        Task first = await Task.WhenAny(work, process.Ended);
        if (first == work)
        {
            await work;
            process.Kill("exit");
        }

        _disk.Crash((CrashKind)_random.Next(2));
    }

    private async Task WorkAsync(SimulatedProcess process)
    {
        IWalDevice device = _disk.Connect(process);
        var metrics = new StreamMetrics();
        process.OnKill(metrics.Dispose);
        var log = new WriteAheadLog(
            device, _options, process.Time, _world.RandomFor($"log {process.Number}"), metrics, NullLogger.Instance, null,
            () => _world.Trace.Note("starved"), failure => process.Kill($"fatal: {failure.Message}"));
        _replayed = -1;
        try
        {
            await log.StartAsync(this, CancellationToken.None);
        }
        catch (IOException failure)
        {
            process.Kill($"can't start: {failure.Message}");
            return;
        }

        int end = _replayed < 0 ? _trimmed : _replayed;
        Require(end >= _acknowledged, $"lost: acknowledged up to {_acknowledged}, replayed up to {end}");
        _world.Trace.Note("recovered", end, _trimmed);
        _appended.RemoveRange(end, _appended.Count - end);
        _acknowledged = _confirmed = end;
        Task[] writers = [.. Enumerable.Range(0, 3).Select(_ => _world.GuardAsync(WriteAsync(process, log)))];
        Task trimmer = _world.GuardAsync(TrimAsync(process, log));
        await Task.WhenAll(writers);
        while (_confirmed < _appended.Count)
        {
            await process.DelayAsync(TimeSpan.FromMilliseconds(5)); // the log may wait for a trim
        }

        _stopping = true;
        await trimmer;
        bool clean = _random.Next(2) == 0;
        if (clean)
        {
            _trimmed = _appended.Count;
        }

        try
        {
            await log.StopAsync(clean);
        }
        catch (StreamUnavailableException failure) when (failure.Reason == StreamUnavailableReason.Failed)
        {
            process.Kill($"can't stop: {failure.Message}");
            return;
        }

        Require(_confirmed == _appended.Count, $"stopped with {_confirmed} of {_appended.Count} confirmed");
        await device.DisposeAsync();
    }

    private async Task WriteAsync(SimulatedProcess process, WriteAheadLog log)
    {
        for (int i = _random.Next(40); i >= 0; i--)
        {
            int length = ScenarioBatch.HeaderBytes + _random.Next(_random.Next(1, _batchBytesMax));
            var batch = ScenarioBatch.Make(new StreamId(1), _appended.Count, 1, 0, i, length);
            Task durable = log.Append(new StreamId(1), 1, new StreamBatch(batch.BaseOffset, 1, 0, batch.Bytes, null), this);
            _appended.Add(batch);
            if (_random.Next(3) == 0)
            {
                await process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(5)));
            }

            if (_random.Next(3) == 0)
            {
                await durable;
                Require(_acknowledged > batch.BaseOffset, $"the append of {batch.BaseOffset} ended before its confirmation");
            }
        }
    }

    private async Task TrimAsync(SimulatedProcess process, WriteAheadLog log)
    {
        while (!_stopping)
        {
            await process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(60)));
            _trimmed = _confirmed;
            log.Trim(log.ConfirmedGroup);
            _world.Trace.Note("trim", _trimmed);
        }
    }

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"write-ahead log: {what}");
            _world.Fail(broken);
            throw broken;
        }
    }
}
