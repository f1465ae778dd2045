using System.Globalization;
using System.Runtime.ExceptionServices;

namespace PipeRoll.Simulation.Engine;

/// <param name="Hash">What the run did, see <see cref="SimulationTrace"/>.</param>
/// <param name="Elapsed">Virtual time.</param>
public readonly record struct SimulationResult(int Seed, ulong Hash, long Steps, TimeSpan Elapsed);

/// <param name="StepsMax">More than this is a livelock.</param>
/// <param name="ElapsedMax">Virtual time after which a scenario that still waits is taken for stuck.</param>
public sealed record SimulationLimits(long StepsMax, TimeSpan ElapsedMax)
{
    public static readonly SimulationLimits Default = new(2_000_000, TimeSpan.FromDays(30));

    /// <summary>Real time without one step, in milliseconds: something blocks the only thread.</summary>
    public int BlockedMsMax { get; init; } = 10_000;
}

/// <summary>
/// A world in one thread: processes, one virtual clock and one source of randomness, so that a seed is a run.
/// </summary>
/// <remarks>
/// The scenario is the only root. It runs in <see cref="Driver"/>, starts processes with <see cref="StartProcess"/>, and
/// the run ends when the scenario's task ends. What a run can wait for is either ready, or a timer; if there is
/// neither, the run is stuck and fails. Thread: all members belong to the thread that called <see cref="Run"/>.
/// </remarks>
public sealed class SimulatedWorld
{
    private const int LeakMs = 50;
    private readonly SimulationLimits _limits;
    private int _processes;
    private ExceptionDispatchInfo? _failure;

    private SimulatedWorld(int seed, SimulationLimits limits, bool verbose)
    {
        Seed = seed;
        _limits = limits;
        Trace = new SimulationTrace(verbose);
        Clock = new SimulatedTime(Trace);
        Scheduler = new SimulatedScheduler(RandomFor("schedule"), Trace);
        Driver = StartProcess("driver");
        Environment = StartProcess("environment");
    }

    public int Seed { get; }

    public SimulationTrace Trace { get; }

    public SimulatedTime Clock { get; }

    public SimulatedScheduler Scheduler { get; }

    /// <summary>Where the scenario itself runs; never killed.</summary>
    public SimulatedProcess Driver { get; }

    /// <summary>Where fakes of outside things (stores, networks) run; never killed.</summary>
    public SimulatedProcess Environment { get; }

    /// <summary>Runs the scenario under the seed. A failure names the seed and carries the end of the trace.</summary>
    /// <exception cref="SimulationFailedException">The scenario failed, got stuck, or left the simulation.</exception>
    public static SimulationResult Run(int seed, Func<SimulatedWorld, Task> scenario, SimulationLimits? limits = null)
    {
        limits ??= SimulationLimits.Default;
        var world = new SimulatedWorld(seed, limits, verbose: false);
        Exception? failure = world.RunGuarded(scenario);
        if (failure is null)
        {
            return new SimulationResult(seed, world.Trace.Hash, world.Scheduler.Steps, world.Clock.Elapsed);
        }

        var again = new SimulatedWorld(seed, limits, verbose: true);
        Exception? failureAgain = again.RunGuarded(scenario);
        string note = failureAgain?.Message == failure.Message && again.Trace.Hash == world.Trace.Hash
            ? "The second run failed alike."
            : $"NOT DETERMINISTIC: the second run ended with: {failureAgain?.Message ?? "no failure"}";
        throw new SimulationFailedException(seed, failure, note, again.Trace.LastLines);
    }

    /// <param name="clockSkew">By how much its wall clock is wrong.</param>
    public SimulatedProcess StartProcess(string name, TimeSpan clockSkew = default) => new(this, _processes++, name, clockSkew);

    /// <summary>Ends the run with this failure after the current step, whoever may catch exceptions on the way.</summary>
    public void Fail(Exception failure) => _failure ??= ExceptionDispatchInfo.Capture(failure);

    /// <summary>Lets a failure of work that nobody may live to await end the run.</summary>
    public async Task GuardAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception failure)
        {
            Fail(failure);
            throw;
        }
    }

    /// <summary>A source of randomness of its own per purpose, so that one more draw here changes nothing there.</summary>
    public Random RandomFor(string purpose)
    {
        uint hash = 2166136261;
        foreach (char c in purpose)
        {
            hash = (hash ^ c) * 16777619;
        }

        return new Random(unchecked((int)(hash ^ ((uint)Seed * 2654435761))));
    }

    private Exception? RunGuarded(Func<SimulatedWorld, Task> scenario)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null); // awaits would prefer it to the task scheduler
        long lastSteps = -1;
        using var watchdog = new Timer(
            _ =>
            {
                long steps = Scheduler.Steps;
                if (Interlocked.Exchange(ref lastSteps, steps) == steps)
                {
                    System.Environment.FailFast(string.Create(
                        CultureInfo.InvariantCulture,
                        $"seed {Seed}: a step of the simulation blocks its only thread (a Wait, a Result, a loop?)"));
                }
            },
            null,
            _limits.BlockedMsMax,
            _limits.BlockedMsMax);
        try
        {
            Task root = Driver.Run(() => scenario(this));
            RunUntilEnded(root);
            root.GetAwaiter().GetResult();
            return Scheduler.Leak;
        }
#pragma warning disable CA1031 // Whatever failed, the report is the same.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            // Whatever went wrong, work that has left the simulation is the likeliest cause; give it time to show.
            SpinWait.SpinUntil(() => Scheduler.Leak is not null, LeakMs);
            return Scheduler.Leak ?? failure;
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private void RunUntilEnded(Task root)
    {
        while (!root.IsCompleted)
        {
            if (Scheduler.RunOne() is null && !Clock.AdvanceToNextTimer())
            {
                throw new InvalidOperationException("stuck: nothing is ready and no timer is armed, yet the scenario waits");
            }

            if (Scheduler.Leak is { } leak)
            {
                throw leak;
            }

            _failure?.Throw();

            if (Scheduler.Steps > _limits.StepsMax || Clock.Elapsed > _limits.ElapsedMax)
            {
                throw new InvalidOperationException(string.Create(
                    CultureInfo.InvariantCulture, $"endless: {Scheduler.Steps} steps, {Clock.Elapsed} of virtual time"));
            }
        }
    }
}

public sealed class SimulationFailedException : Exception
{
    public SimulationFailedException(int seed, Exception failure, string note, IReadOnlyCollection<string> trace)
        : base(Describe(seed, failure, note, trace), failure) => Seed = seed;

    public int Seed { get; }

    private static string Describe(int seed, Exception failure, string note, IReadOnlyCollection<string> trace) =>
        $"seed {seed}: {failure.Message}\n{note} Run it alone with PIPEROLL_SIM_FROM={seed} PIPEROLL_SIM_SEEDS=1\n"
        + $"{failure}\nThe end of the trace:\n{string.Join('\n', trace.TakeLast(Seeds.TraceLines))}";
}
