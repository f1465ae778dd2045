using System.IO.Pipelines;
using System.Threading.Channels;

namespace PipeRoll.Simulation.Engine;

public sealed class EngineTests
{
    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        for (int seed = 1; seed <= 60; seed++)
        {
            SimulationResult first = SimulatedWorld.Run(seed, EverythingThatAwaits);
            SimulationResult second = SimulatedWorld.Run(seed, EverythingThatAwaits);
            Assert.Equal(first, second);
        }
    }

    [Fact]
    public void Seeds_differ_from_each_other()
    {
        IEnumerable<ulong> hashes = Enumerable.Range(1, 50).Select(seed => SimulatedWorld.Run(seed, EverythingThatAwaits).Hash);
        Assert.Equal(50, hashes.Distinct().Count());
    }

    [Fact]
    public void Time_passes_only_when_nothing_can_run()
    {
        SimulatedWorld.Run(1, async world =>
        {
            TimeProvider time = world.Driver.Time;
            DateTimeOffset before = time.GetUtcNow();
            for (int i = 0; i < 1000; i++)
            {
                await Task.Yield();
            }

            Assert.Equal(before, time.GetUtcNow());
            await Task.Delay(TimeSpan.FromDays(1), time);
            Assert.Equal(before.AddDays(1), time.GetUtcNow());
        });
    }

    [Fact]
    public void A_timer_fires_in_due_order_and_not_after_its_disposal()
    {
        SimulatedWorld.Run(3, async world =>
        {
            TimeProvider time = world.Driver.Time;
            var fired = new List<int>();
            using ITimer late = time.CreateTimer(_ => fired.Add(2), null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
            using ITimer periodic = time.CreateTimer(_ => fired.Add(1), null, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(0.9));
            ITimer never = time.CreateTimer(_ => fired.Add(3), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
            await never.DisposeAsync();
            await Task.Delay(TimeSpan.FromSeconds(3), time);
            Assert.Equal([1, 1, 2, 1], fired);
        });
    }

    [Fact]
    public void A_killed_process_runs_no_further_step()
    {
        for (int seed = 1; seed <= 100; seed++)
        {
            SimulatedWorld.Run(seed, async world =>
            {
                SimulatedProcess process = world.StartProcess("victim");
                int ticks = 0;
                int atDeath = -1;
                process.OnKill(() => atDeath = ticks);
                process.KillAfterSteps(world.RandomFor("kill").Next(1, 50));
                Task work = process.Run(async () =>
                {
                    while (true)
                    {
                        ticks++;
                        await Task.Delay(TimeSpan.FromMilliseconds(5), process.Time);
                    }
                });
                Assert.Equal("crash", await process.Ended);
                await Task.Delay(TimeSpan.FromHours(1), world.Driver.Time);
                Assert.Equal(atDeath, ticks);
                Assert.False(work.IsCompleted);
            });
        }
    }

    [Fact]
    public void A_paused_process_does_nothing_until_it_goes_on_and_then_catches_up()
    {
        SimulatedWorld.Run(4, async world =>
        {
            SimulatedProcess process = world.StartProcess("paused");
            var ticks = new List<double>();
            Task work = process.Run(async () =>
            {
                for (int i = 0; i < 4; i++)
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), process.Time);
                    ticks.Add(world.Clock.Elapsed.TotalSeconds);
                }
            });
            await Task.Delay(TimeSpan.FromSeconds(1.5), world.Driver.Time);
            process.Pause();
            await Task.Delay(TimeSpan.FromHours(1), world.Driver.Time);
            Assert.Equal([1.0], ticks);
            process.Resume();
            await work;
            Assert.Equal([1, 3601.5, 3602.5, 3603.5], ticks);
        });
    }

    [Fact]
    public void Work_that_leaves_the_scheduler_fails_the_run()
    {
        var failure = Assert.Throws<SimulationFailedException>(() => SimulatedWorld.Run(7, async world =>
        {
            await Task.Yield();
            await LeaveAsync();
            await Task.Delay(TimeSpan.FromSeconds(1), world.Driver.Time);
        }));
        Assert.Contains("outside of the simulation", failure.Message, StringComparison.Ordinal);

        static async Task LeaveAsync()
        {
#pragma warning disable RS0030 // The banned calls are what this test is about.
            await Task.Run(static () => Thread.Sleep(1));
#pragma warning restore RS0030
        }
    }

    [Fact]
    public void A_scenario_that_can_never_end_is_reported_as_stuck()
    {
        var failure = Assert.Throws<SimulationFailedException>(
            () => SimulatedWorld.Run(8, static _ => new TaskCompletionSource().Task));
        Assert.Contains("seed 8: stuck", failure.Message, StringComparison.Ordinal);
        Assert.Contains("PIPEROLL_SIM_FROM=8", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_endless_loop_of_steps_is_reported()
    {
        var limits = new SimulationLimits(1000, TimeSpan.FromDays(1));
        var failure = Assert.Throws<SimulationFailedException>(() => SimulatedWorld.Run(
            9,
            static async _ =>
            {
                while (true)
                {
                    await Task.Yield();
                }
            },
            limits));
        Assert.Contains("endless", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_carries_the_end_of_the_trace_and_repeats()
    {
        var failure = Assert.Throws<SimulationFailedException>(() => SimulatedWorld.Run(11, async world =>
        {
            world.Trace.Note("about to fail", 42);
            await Task.Yield();
            throw new InvalidOperationException("on purpose");
        }));
        Assert.Contains("about to fail 42 0", failure.Message, StringComparison.Ordinal);
        Assert.Contains("The second run failed alike", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>What products await: channels, semaphores, pipes, timers, cancellation, completion sources, async streams.</summary>
    private static async Task EverythingThatAwaits(SimulatedWorld world)
    {
        SimulatedProcess process = world.StartProcess("all");
        TimeProvider time = process.Time;
        Random random = world.RandomFor("work");
        var channel = Channel.CreateBounded<int>(4);
        using var gate = new SemaphoreSlim(2);
        var pipe = new Pipe(new PipeOptions(
            readerScheduler: new ProcessPipeScheduler(process), writerScheduler: new ProcessPipeScheduler(process),
            useSynchronizationContext: false));
        Task[] work =
        [
            .. Enumerable.Range(0, 4).Select(worker => process.Run(async () =>
            {
                for (int i = 0; i < 8; i++)
                {
                    await gate.WaitAsync();
                    await Task.Delay(TimeSpan.FromMilliseconds(random.Next(5)), time);
                    world.Trace.Note("write", worker, i);
                    await channel.Writer.WriteAsync((worker * 100) + i);
                    gate.Release();
                }
            })),
            process.Run(async () =>
            {
                for (int i = 0; i < 32; i++)
                {
                    int value = await channel.Reader.ReadAsync();
                    world.Trace.Note("read", value);
                    await pipe.Writer.WriteAsync(new byte[value + 1]);
                }

                await pipe.Writer.CompleteAsync();
            }),
            process.Run(async () =>
            {
                while (true)
                {
                    ReadResult result = await pipe.Reader.ReadAsync();
                    world.Trace.Note("pipe", result.Buffer.Length);
                    pipe.Reader.AdvanceTo(result.Buffer.End);
                    if (result.IsCompleted)
                    {
                        break;
                    }
                }
            }),
            process.Run(async () =>
            {
                using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(7), time);
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Delay(TimeSpan.FromHours(1), time, cancel.Token));
                world.Trace.Note("cancelled", time.GetUtcNow().Ticks);
            }),
        ];
        await Task.WhenAll(work);
    }

    private sealed class ProcessPipeScheduler(SimulatedProcess process) : PipeScheduler
    {
        public override void Schedule(Action<object?> action, object? state) =>
            Task.Factory.StartNew(action, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, process);
    }
}
