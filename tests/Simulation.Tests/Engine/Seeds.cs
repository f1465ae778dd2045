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
        List<SimulationResult> results = [];
        List<SimulationFailedException> failures = [];
        for (int seed = from; seed < from + Count(fallbackCount) && failures.Count < FailuresMax; seed++)
        {
            try
            {
                results.Add(SimulatedWorld.Run(seed, scenario));
            }
            catch (SimulationFailedException failure)
            {
                failures.Add(failure);
            }
        }

        Assert.True(
            failures.Count == 0,
            $"{failures.Count} of {failures.Count + results.Count} runs failed:\n"
            + string.Join('\n', failures.Select(static failure => failure.Message.Split('\n')[0]))
            + $"\n\n{failures.FirstOrDefault()?.Message}");
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{results.Count} runs from seed {from}: {results.Sum(static run => run.Steps)} steps, "
            + $"{results.Sum(static run => run.Elapsed.TotalHours):F1} hours of virtual time"));
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
}
