using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal.Objects;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// The log of one broker's life, its death (a crash, a pause, or a false alarm), and its recovery by one or more survivors that may die, be
/// replaced or work at the same time; at last the zombie comes back. Everything acknowledged at any time must be what was recovered.
/// </summary>
internal sealed class ObjectWalScenario
{
    private const int RecoverersMax = 4;
    private readonly ObjectWalWorld _scenario;
    private readonly SimulatedWorld _world;
    private readonly Random _random;

    private ObjectWalScenario(ObjectWalWorld scenario)
    {
        _scenario = scenario;
        _world = scenario.World;
        _random = scenario.Random;
    }

    public static Task RunAsync(SimulatedWorld world) => RunAsync(world, ObjectWalBug.None);

    public static async Task RunAsync(SimulatedWorld world, ObjectWalBug bug)
    {
        await using var scenario = new ObjectWalWorld(world, bug);
        await new ObjectWalScenario(scenario).RunAsync();
    }

    private async Task RunAsync()
    {
        // 1. A life.
        BrokerEpoch dead = await _scenario.StartAsync();
        SimulatedProcess writer = _world.StartProcess("writer");
        _ = _world.GuardAsync(writer.Run(() => ObjectWalWriter.RunAsync(_scenario, writer, dead)));
        await DelayAsync(1200);
        switch (_random.Next(4))
        {
            case 0:
                writer.Kill("crash");
                break;
            case 1:
                break; // it is healthy, and only thought to be dead
            default:
                writer.Pause();
                _ = ResumeLaterAsync(writer);
                break;
        }

        // 2. It is declared dead: its node begins another life. Survivors recover it, until one has done it to the end.
        await DelayAsync(500);
        await _scenario.RegisterAsync(1);
        for (int attempt = 1; !await RecoverAsync(dead, attempt); attempt++)
        {
            _world.Trace.Note("recover again", attempt);
        }

        // 3. Whatever is still on its way arrives, and the zombie does what it can.
        foreach (ObjectWalStream stream in _scenario.Streams)
        {
            await stream.CheckAsync(_scenario);
        }

        await new WalPrefixCleaner(_scenario.Bucket.Connect()).CleanWithRetriesAsync(dead);
        writer.Resume();
        await Task.Delay(TimeSpan.FromMinutes(5), _world.Driver.Time);
        foreach (ObjectWalStream stream in _scenario.Streams)
        {
            await stream.CheckAsync(_scenario);
        }

        if (writer.IsAlive)
        {
            throw new BrokenPromiseException("a writer that was fenced goes on writing");
        }
    }

    /// <returns>False when the survivor died, or another one has to do it.</returns>
    private async Task<bool> RecoverAsync(BrokerEpoch dead, int attempt)
    {
        BrokerEpoch survivor = await _scenario.RegisterAsync(2);
        if (!await _scenario.Truth.AssignRecoveryAsync(_scenario.Term, dead, survivor))
        {
            return true; // the one before it has ended it meanwhile
        }

        SimulatedProcess process = _world.StartProcess($"survivor {attempt}");
        bool isLast = attempt == RecoverersMax;
        if (!isLast && _random.Next(2) == 0)
        {
            process.KillAfterSteps(_random.Next(1, 400));
        }

        Task done = _world.GuardAsync(process.Run(() => RecoverIn(process, dead, survivor)));
        Task replaced = !isLast && _random.Next(3) == 0
            ? Task.Delay(TimeSpan.FromMilliseconds(_random.Next(2000)), _world.Driver.Time)
            : new TaskCompletionSource().Task;
        if (await Task.WhenAny(done, process.Ended, replaced) == done)
        {
            await done;
            return true;
        }

        if (process.IsAlive && _random.Next(2) == 0)
        {
            process.Pause();
            _ = ResumeLaterAsync(process);
        }

        return false;
    }

    private async Task RecoverIn(SimulatedProcess process, BrokerEpoch dead, BrokerEpoch survivor)
    {
        ObjectWalContext context = _scenario.ContextOf(process, survivor);
        var takeover = new WalTakeover(context, _scenario.Metadata, _scenario.CommitStoreOf(context, process));
        while (true)
        {
            try
            {
                TakeoverResult result = await takeover.RunAsync(dead, await WalFirstAsync(dead));
                _world.Trace.Note("recovered", result.Batches, result.Fence);
                await _scenario.Metadata.FinishRecoveryAsync(dead, survivor);
                return;
            }
            catch (BrokerFencedException)
            {
                return; // it was replaced; whoever did that goes on
            }
            catch (Exception failure) when (ObjectWalWorld.IsInjected(failure) || failure is TimeoutException)
            {
                _world.Trace.Note("takeover repeated");
                await Task.Delay(TimeSpan.FromMilliseconds(100), process.Time);
            }
        }
    }

    private async Task<long> WalFirstAsync(BrokerEpoch dead)
    {
        if (_scenario.Bug == ObjectWalBug.RecoveredFromLowestListed)
        {
            string prefix = ObjectWalFormat.PrefixOf(dead);
            string? lowest = _scenario.Bucket.Keys.FirstOrDefault(key => key.StartsWith(prefix, StringComparison.Ordinal));
            return lowest is not null && ObjectWalFormat.TryParse(dead, lowest, out long number) ? number : 1;
        }

        return (await _scenario.Metadata.ReadBrokersAsync()).Single(b => b.Epoch == dead).WalFirst;
    }

    private async Task ResumeLaterAsync(SimulatedProcess process)
    {
        await DelayAsync(20_000);
        process.Resume();
    }

    private Task DelayAsync(int msMax) => Task.Delay(TimeSpan.FromMilliseconds(_random.Next(1, msMax)), _world.Driver.Time);
}

internal static class RetriedCleaning
{
    public static async Task CleanWithRetriesAsync(this WalPrefixCleaner cleaner, BrokerEpoch gone)
    {
        while (true)
        {
            try
            {
                await cleaner.CleanAsync(gone);
                return;
            }
            catch (Exception failure) when (ObjectWalWorld.IsInjected(failure))
            {
                await Task.Yield();
            }
        }
    }
}
