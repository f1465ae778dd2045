using PipeRoll.Broker;
using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Kafka;
using PipeRoll.Simulation.Network;
using PipeRoll.Simulation.Streams;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Brokers;

/// <summary>
/// One broker through several lives, most of which end in a crash between any two steps, and its clients over a bad network,
/// which live on. At last a calm life, in which everything that anybody was ever told is checked.
/// </summary>
internal static class BrokerScenario
{
    private const string Host = "broker";
    private const int Port = 9092;

    /// <summary>Clients that have not ended so long after everything is well again hang.</summary>
    private static readonly TimeSpan CalmMax = TimeSpan.FromMinutes(10);

    public static Task RunAsync(SimulatedWorld world) => RunAsync(world, BrokerBug.None);

    /// <param name="change">Bends the plan that the seed has drawn towards what a test is about.</param>
    public static async Task RunAsync(SimulatedWorld world, BrokerBug bug, Func<BrokerPlan, BrokerPlan>? change = null)
    {
        BrokerPlan plan = BrokerPlan.Draw(world.RandomFor("broker plan"));
        plan = change?.Invoke(plan) ?? plan;
        await using var scenario = new ScenarioWorld(world, PlantedBug.None, _ => plan.Storage);
        await scenario.CreateStreamsAsync();
        var network = new SimulatedNetwork(world, plan.Network);
        var fleet = new ClientFleet(world, network, plan.Fleet, [(Host, Port)], oneLeader: true);
        Task started = fleet.StartAsync();
        Random random = world.RandomFor("broker scenario");
        for (int life = 0; life < plan.Storage.Incarnations; life++)
        {
            await LiveAsync(scenario, network, plan, bug, random, life);
            if (started.IsCompleted && random.Next(3) == 0)
            {
                fleet.ReplaceMember(random);
                fleet.ReplaceAssigned(random);
                fleet.Transactions?.Replace(random);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(3000)), world.Driver.Time);
        }

        scenario.Calm();
        network.Faults = NetworkFaults.None;
        SimulatedProcess last = world.StartProcess("last life");
        await using var broker = new BrokerLife(scenario, network, plan, bug, last);
        await last.Run(broker.StartAsync);
        Task checks = CheckAsync(fleet, started);
        using var inTime = new CancellationTokenSource();
        Task tooLong = Task.Delay(CalmMax, world.Driver.Time, inTime.Token);
        Task first = await Task.WhenAny(checks, last.Ended, tooLong);
        if (first != checks)
        {
            throw new BrokenPromiseException(
                first == tooLong ? $"clients have not ended {CalmMax} after all was well again" : $"the last broker died: {await last.Ended}");
        }

        inTime.Cancel();
        await checks;
        await last.Run(broker.StopAsync);
    }

    private static async Task CheckAsync(ClientFleet fleet, Task started)
    {
        await started;
        await fleet.WhenProducedAsync();
        await fleet.CheckAllAsync();
    }

    private static async Task LiveAsync(
        ScenarioWorld scenario, SimulatedNetwork network, BrokerPlan plan, BrokerBug bug, Random random, int life)
    {
        SimulatedWorld world = scenario.World;
        SimulatedProcess process = world.StartProcess($"life {life}");
        if (random.NextDouble() < plan.Storage.CrashProbability)
        {
            process.KillAfterSteps(random.Next(1, plan.Storage.CrashStepsMax));
        }

        if (random.NextDouble() < plan.Storage.StormProbability)
        {
            scenario.Bucket.StartStorm(TimeSpan.FromSeconds(random.Next(1, 30)));
        }

        await using var broker = new BrokerLife(scenario, network, plan, bug, process);
        TimeSpan workTime = plan.Storage.WorkTime * (1 + (3 * random.NextDouble()));
        Task work = world.GuardAsync(process.Run(async () =>
        {
            await broker.StartAsync();
            await Task.Delay(workTime, process.Time);
            await broker.StopAsync();
        }));
        if (await Task.WhenAny(work, process.Ended) == work)
        {
            await work;
            process.Kill("exit");
        }

        scenario.Disk.Crash((Faults.CrashKind)random.Next(2));
    }
}

/// <summary>One life of the embedded broker over its storage.</summary>
internal sealed class BrokerLife(
    ScenarioWorld scenario, SimulatedNetwork network, BrokerPlan plan, BrokerBug bug, SimulatedProcess process) : IAsyncDisposable
{
    private const int Port = 9092;
    private StreamStorage? _storage;
    private Broker.Broker? _broker;

    /// <summary>Storage and broker. A start that meets a fault of the scenario ends the process, as the server does.</summary>
    public async Task StartAsync()
    {
        _storage = (StreamStorage)scenario.MakeStorage(process);
        Random ids = scenario.World.RandomFor($"broker ids {process.Number}");
        var bytes = new byte[16];
        try
        {
            await _storage.StartAsync();
            _broker = new Broker.Broker(plan.Broker, new BrokerDependencies
            {
                Storage = BrokerBugs.Plant(bug, _storage, scenario.Metadata),
                Catalog = scenario.Metadata,
                Time = process.Time,
                Loggers = TraceLoggers.For(scenario.World, process),
                Random = scenario.World.RandomFor($"broker {process.Number}"),
                NewGuid = () =>
                {
                    ids.NextBytes(bytes);
                    return new Guid(bytes);
                },
                Listen = () => network.Listen(process, plan.Broker.AdvertisedHost, Port),
            });
            await _broker.StartAsync();
            scenario.World.Trace.Note("broker.started", process.Number);
        }
        catch (Exception failure) when (failure is IOException || scenario.IsInjected(failure))
        {
            process.Kill($"can't start: {failure.Message}");
            await new TaskCompletionSource().Task;
        }
    }

    public async Task StopAsync()
    {
        await _broker!.StopAsync();
        try
        {
            await _storage!.StopAsync();
        }
        catch (StreamUnavailableException failure) when (failure.Reason == StreamUnavailableReason.Failed)
        {
            process.Kill($"can't stop: {failure.Message}");
            await new TaskCompletionSource().Task;
        }

        scenario.World.Trace.Note("broker.stopped", process.Number);
    }

    /// <summary>Meters are known to the whole test process; the rest goes with the world.</summary>
    public ValueTask DisposeAsync()
    {
        _broker?.Metrics.Dispose();
        _storage?.Metrics.Dispose();
        return ValueTask.CompletedTask;
    }
}
