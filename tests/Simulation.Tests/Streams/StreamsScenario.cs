using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// A stream storage through several lives, most of which end in a crash, and at last a calm one in which everything
/// that was promised is checked.
/// </summary>
internal static class StreamsScenario
{
    /// <summary>An incarnation that takes longer, in virtual time, hangs.</summary>
    private static readonly TimeSpan LifeMax = TimeSpan.FromMinutes(30);

    public static Task RunAsync(SimulatedWorld world) => RunAsync(world, PlantedBug.None);

    /// <param name="change">Bends the plan that the seed has drawn towards what a test is about.</param>
    public static async Task RunAsync(SimulatedWorld world, PlantedBug bug, Func<ScenarioPlan, ScenarioPlan>? change = null)
    {
        await using var scenario = new ScenarioWorld(world, bug, change ?? (static plan => plan));
        await scenario.CreateStreamsAsync();
        for (int life = 0; life < scenario.Plan.Incarnations; life++)
        {
            await LiveAsync(scenario, life);
        }

        scenario.Calm();
        await LiveCalmlyAsync(scenario, "checker", static _ => Task.CompletedTask);
        await LiveCalmlyAsync(scenario, "auditor", storage => AuditAsync(scenario));
    }

    private static async Task LiveAsync(ScenarioWorld scenario, int life)
    {
        SimulatedWorld world = scenario.World;
        SimulatedProcess process = world.StartProcess($"life {life}");
        if (scenario.Random.NextDouble() < scenario.Plan.CrashProbability)
        {
            process.KillAfterSteps(scenario.Random.Next(1, scenario.Plan.CrashStepsMax));
        }

        if (scenario.Random.NextDouble() < scenario.Plan.StormProbability)
        {
            scenario.Bucket.StartStorm(TimeSpan.FromSeconds(scenario.Random.Next(1, 60)));
        }

        var incarnation = new Incarnation(scenario, process);
        await EndOfLifeAsync(world, process, world.GuardAsync(process.Run(incarnation.WorkAndStopAsync)));
        scenario.Disk.Crash((CrashKind)scenario.Random.Next(2));
    }

    private static async Task LiveCalmlyAsync(ScenarioWorld scenario, string name, Func<IStreamStorage, Task> afterwards)
    {
        SimulatedProcess process = scenario.World.StartProcess(name);
        var incarnation = new Incarnation(scenario, process);
        Task work = scenario.World.GuardAsync(process.Run(() => incarnation.CheckAllAsync(afterwards)));
        string end = await EndOfLifeAsync(scenario.World, process, work);
        if (end != "exit")
        {
            throw new BrokenPromiseException($"the {name} died of '{end}' although nothing failed");
        }
    }

    private static async Task<string> EndOfLifeAsync(SimulatedWorld world, SimulatedProcess process, Task work)
    {
        using var cancel = new CancellationTokenSource();
        Task tooLong = Task.Delay(LifeMax, world.Driver.Time, cancel.Token);
        Task first = await Task.WhenAny(work, process.Ended, tooLong);
        if (first == tooLong)
        {
            throw new BrokenPromiseException($"{process.Name} hangs: it has been alive for {LifeMax} of virtual time");
        }

        cancel.Cancel();
        if (first == work)
        {
            await work;
            process.Kill("exit");
        }

        return await process.Ended;
    }

    /// <summary>After everything has had time to expire, the bucket holds what the metadata says, and nothing more.</summary>
    private static async Task AuditAsync(ScenarioWorld scenario)
    {
        StreamStorageOptions options = scenario.Plan.Options;
        TimeSpan expiry = options.PreparedTimeToLive + options.ReadGrace + options.CleanInterval;
        await Task.Delay(2 * expiry, scenario.World.Driver.Time);
        IReadOnlyList<ObjectRecord> objects = await scenario.Metadata.ListObjectsAsync(0, 100_000);
        ObjectRecord[] dead = [.. objects.Where(static record => record.State != ObjectState.Committed)];
        if (dead.Length > 0 || objects.Count != scenario.Bucket.Keys.Count)
        {
            throw new BrokenPromiseException(
                $"orphans: {objects.Count} objects are known, {dead.Length} of them dead ({string.Join(", ", dead.Take(5))}), "
                + $"the bucket holds {scenario.Bucket.Keys.Count}: {string.Join(", ", scenario.Bucket.Keys.Take(20))}");
        }
    }
}
