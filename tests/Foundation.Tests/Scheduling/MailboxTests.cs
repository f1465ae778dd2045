using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Foundation.Tests.Scheduling;

public sealed class MailboxTests
{
    [Fact]
    public async Task Items_of_many_posters_are_handled_one_at_a_time_and_in_the_order_of_each()
    {
        const int Posters = 4;
        const int Each = 5000;
        int inside = 0;
        int[] last = new int[Posters];
        bool wrong = false;
        var mailbox = new Mailbox<(int Poster, int Number)>(async item =>
        {
            wrong |= Interlocked.Increment(ref inside) != 1;
            wrong |= item.Number != ++last[item.Poster];
            if (item.Number % 100 == 0)
            {
                await Task.Yield();
            }

            Interlocked.Decrement(ref inside);
        }, 100, failure => Assert.Fail(failure.ToString()));
        await Task.WhenAll(Enumerable.Range(0, Posters).Select(poster => Task.Run(async () =>
        {
            for (int i = 1; i <= Each; i++)
            {
                Assert.True(await mailbox.PostAsync((poster, i)));
            }
        })));
        await mailbox.CloseAsync();
        Assert.False(wrong);
        Assert.All(last, l => Assert.Equal(Each, l));
    }

    [Fact]
    public async Task It_refuses_what_exceeds_its_bound_but_lets_one_item_in()
    {
        var gate = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        var mailbox = new Mailbox<int>(async _ =>
        {
            started.TrySetResult();
            await gate.Task;
        }, 100, failure => Assert.Fail(failure.ToString()));
        Assert.True(mailbox.TryPost(1, 1000));
        await started.Task;
        Assert.True(mailbox.TryPost(2, 60));
        Assert.True(mailbox.TryPost(3, 40));
        Assert.Equal(100, mailbox.QueuedWeight);
        Assert.False(mailbox.TryPost(4, 1));
        ValueTask<bool> waiting = mailbox.PostAsync(5, 50);
        Assert.False(waiting.IsCompleted);
        gate.SetResult();
        Assert.True(await waiting);
        await mailbox.CloseAsync();
        Assert.Equal(0, mailbox.QueuedWeight);
    }

    [Fact]
    public async Task A_handler_that_throws_closes_it_and_tells_once()
    {
        var told = new TaskCompletionSource<Exception>();
        var mailbox = new Mailbox<int>(_ => throw new InvalidOperationException("broken"), 10, told.SetResult);
        Assert.True(mailbox.TryPost(1));
        Assert.Equal("broken", (await told.Task).Message);
        Assert.False(mailbox.TryPost(2));
        Assert.False(await mailbox.PostAsync(3));
        await mailbox.CloseAsync();
    }

    [Fact]
    public async Task Closing_refuses_who_waits_and_ends_after_what_was_queued()
    {
        var gate = new TaskCompletionSource();
        var handled = new List<int>();
        var mailbox = new Mailbox<int>(async item =>
        {
            await gate.Task;
            handled.Add(item);
        }, 2, failure => Assert.Fail(failure.ToString()));
        for (int i = 0; i < 3; i++)
        {
            Assert.True(await mailbox.PostAsync(i));
        }

        ValueTask<bool> late = mailbox.PostAsync(3, 2);
        Task closed = mailbox.CloseAsync();
        Assert.False(await late);
        Assert.False(closed.IsCompleted);
        gate.SetResult();
        await closed;
        Assert.Equal([0, 1, 2], handled);
    }

    [Fact]
    public async Task It_runs_on_the_scheduler_on_which_it_was_made()
    {
        using var scheduler = new DedicatedThreadScheduler("mailbox-test");
        string? thread = null;
        Mailbox<int> mailbox = await Task.Factory.StartNew(
            () => new Mailbox<int>(async _ =>
            {
                await Task.Yield();
                thread = Thread.CurrentThread.Name;
            }, 10, failure => Assert.Fail(failure.ToString())),
            CancellationToken.None, TaskCreationOptions.None, scheduler);
        Assert.True(mailbox.TryPost(1));
        await mailbox.CloseAsync();
        Assert.Equal("mailbox-test", thread);
    }
}
