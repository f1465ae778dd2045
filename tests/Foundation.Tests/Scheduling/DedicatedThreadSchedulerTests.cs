using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Foundation.Tests.Scheduling;

public sealed class DedicatedThreadSchedulerTests
{
    [Fact]
    public async Task Tasks_and_their_continuations_stay_on_the_one_thread()
    {
        using var scheduler = new DedicatedThreadScheduler("only");
        var names = new List<string?>();
        Task[] tasks = [.. Enumerable.Range(0, 20).Select(_ => Task.Factory.StartNew(async () =>
        {
            names.Add(Thread.CurrentThread.Name);
            await Task.Yield();
            names.Add(Thread.CurrentThread.Name);
        }, CancellationToken.None, TaskCreationOptions.None, scheduler).Unwrap())];
        await Task.WhenAll(tasks);
        Assert.Equal(40, names.Count);
        Assert.All(names, n => Assert.Equal("only", n));
    }

    [Fact]
    public void Disposing_lets_queued_tasks_end_and_refuses_later_ones()
    {
        var scheduler = new DedicatedThreadScheduler("short");
        int done = 0;
        for (int i = 0; i < 100; i++)
        {
            _ = Task.Factory.StartNew(() => done++, CancellationToken.None, TaskCreationOptions.None, scheduler);
        }

        scheduler.Dispose();
        scheduler.Dispose();
        Assert.Equal(100, done);
        Assert.Throws<TaskSchedulerException>(() =>
        {
            _ = Task.Factory.StartNew(() => done++, CancellationToken.None, TaskCreationOptions.None, scheduler);
        });
    }

    [Fact]
    public async Task It_may_be_disposed_from_its_own_thread()
    {
        var scheduler = new DedicatedThreadScheduler("own");
        await Task.Factory.StartNew(scheduler.Dispose, CancellationToken.None, TaskCreationOptions.None, scheduler);
        Assert.Equal(1, scheduler.MaximumConcurrencyLevel);
    }
}
