using System.Globalization;

namespace PipeRoll.Simulation.Engine;

/// <summary>
/// Which seeds a test runs: its own fixed range, or what the environment says. <c>PIPEROLL_SIM_SEEDS</c> is how many,
/// <c>PIPEROLL_SIM_FROM</c> the first.
/// </summary>
public static class Seeds
{
    private const int FailuresMax = 20;

    /// <summary><c>PIPEROLL_SIM_LINES</c>: how much of the end of the trace a failure shows.</summary>
    public static int TraceLines { get; } = Read("PIPEROLL_SIM_LINES") ?? 120;

    public static int From(int fallback) => Read("PIPEROLL_SIM_FROM") ?? fallback;

    public static int Count(int fallback) => Read("PIPEROLL_SIM_SEEDS") ?? fallback;

    /// <summary>Runs the scenario under each seed. Fails with the first failure in full, and the others by their first lines.</summary>
    public static IReadOnlyList<SimulationResult> ForEach(int fallbackCount, Func<SimulatedWorld, Task> scenario, int fallbackFrom = 1)
    {
        int from = From(fallbackFrom);
#pragma warning disable RS0030 // The time that the runs really take, for their report.
        long startedAt = Environment.TickCount64;
        var runs = new Runs(scenario, from, from + Count(fallbackCount));
        runs.Run(Read("PIPEROLL_SIM_THREADS") ?? 1);
        SimulationFailedException[] failures = [.. runs.Failures.OrderBy(static failure => failure.Seed)];
        SimulationResult[] results = [.. runs.Results.OrderBy(static result => result.Seed)];
        Assert.True(
            failures.Length == 0,
            $"{failures.Length} of {failures.Length + results.Length} runs failed:\n"
            + string.Join('\n', failures.Select(static failure => failure.Message.Split('\n')[0]))
            + $"\n\n{failures.FirstOrDefault()?.Message}");
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Length} runs from seed {from}: {results.Sum(static run => run.Steps)} steps, "
            + $"{results.Sum(static run => run.Elapsed.TotalHours):F1} hours of virtual time, "
            + $"{results.Length * 60_000L / Math.Max(1, Environment.TickCount64 - startedAt)} runs per minute"));
#pragma warning restore RS0030
        return results;
    }

    /// <summary>The first seed of the range whose run fails; null when all of them pass. Proves that a checker can fail.</summary>
    public static SimulationFailedException? FirstFailure(int from, int count, Func<SimulatedWorld, Task> scenario)
    {
        for (int seed = from; seed < from + count; seed++)
        {
            try
            {
                SimulatedWorld.Run(seed, scenario);
            }
            catch (SimulationFailedException failure)
            {
                return failure;
            }
        }

        return null;
    }

    private static int? Read(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    /// <summary>The runs of a range of seeds, on one thread or several: worlds have nothing in common.</summary>
    private sealed class Runs(Func<SimulatedWorld, Task> scenario, int from, int end)
    {
        private readonly Lock _gate = new();
        private int _next = from;

        public List<SimulationResult> Results { get; } = [];

        public List<SimulationFailedException> Failures { get; } = [];

        public void Run(int threadCount)
        {
            Thread[] others = [.. Enumerable.Range(1, threadCount - 1).Select(_ => new Thread(RunSome))];
            Array.ForEach(others, static thread => thread.Start());
            RunSome();
            Array.ForEach(others, static thread => thread.Join());
        }

        private void RunSome()
        {
            while (true)
            {
                int seed;
                lock (_gate)
                {
                    if (_next >= end || Failures.Count >= FailuresMax)
                    {
                        return;
                    }

                    seed = _next++;
                }

                try
                {
                    SimulationResult result = SimulatedWorld.Run(seed, scenario);
                    lock (_gate)
                    {
                        Results.Add(result);
                    }
                }
                catch (SimulationFailedException failure)
                {
                    lock (_gate)
                    {
                        Failures.Add(failure);
                    }
                }
            }
        }
    }
}
