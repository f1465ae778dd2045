using PipeRoll.Broker.Network;

namespace PipeRoll.Broker.Tests.Network;

public sealed class ByteBudgetTests
{
    [Fact]
    public async Task Waiters_are_served_first_come_first_served()
    {
        var budget = new ByteBudget(100);
        await budget.AcquireAsync(80, CancellationToken.None);
        Task large = budget.AcquireAsync(90, CancellationToken.None).AsTask();
        Task small = budget.AcquireAsync(10, CancellationToken.None).AsTask();
        Assert.False(budget.TryAcquire(1));
        Assert.False(large.IsCompleted);
        // The small one fits but does not overtake.
        Assert.False(small.IsCompleted);
        budget.Release(80);
        await large;
        await small;
        Assert.Equal(100, budget.Used);
    }

    [Fact]
    public async Task More_than_everything_is_granted_alone()
    {
        var budget = new ByteBudget(100);
        await budget.AcquireAsync(1, CancellationToken.None);
        Task huge = budget.AcquireAsync(1_000, CancellationToken.None).AsTask();
        Assert.False(huge.IsCompleted);
        budget.Release(1);
        await huge;
        Assert.False(budget.TryAcquire(1));
        budget.Release(1_000);
        Assert.True(budget.TryAcquire(100));
    }

    [Fact]
    public async Task A_cancelled_wait_takes_nothing_and_lets_the_next_one_in()
    {
        var budget = new ByteBudget(100);
        await budget.AcquireAsync(60, CancellationToken.None);
        using var cancellation = new CancellationTokenSource();
        Task cancelled = budget.AcquireAsync(90, cancellation.Token).AsTask();
        Task next = budget.AcquireAsync(40, CancellationToken.None).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        await next;
        Assert.Equal(100, budget.Used);
    }

    [Fact]
    public void Giving_back_more_than_was_taken_is_a_bug() =>
        Assert.Throws<InvalidOperationException>(() => new ByteBudget(10).Release(1));
}
