namespace PipeRoll.Foundation.Scheduling;

/// <summary>Keeps combined waits on the scheduler of whoever waits.</summary>
public static class TaskFollowing
{
    /// <summary>
    /// A task that ends as <paramref name="task"/> does, on the present scheduler. To be used below <c>Task.WhenAny</c>,
    /// <c>Task.WhenAll</c> and <c>WaitAsync</c> when the task may come from a completion source with
    /// <see cref="TaskCreationOptions.RunContinuationsAsynchronously"/>, or is a delay that may be cancelled: those
    /// combinators are then completed by a thread of the pool, whatever the scheduler, and simulation loses them. A plain
    /// await needs no following.
    /// </summary>
    public static async Task Follow(this Task task) => await task;

    /// <inheritdoc cref="Follow(Task)"/>
    public static async Task<T> Follow<T>(this Task<T> task) => await task;

    /// <summary>
    /// Takes a place in <paramref name="gate"/>, or gives up when cancelled, on the present scheduler.
    /// <c>SemaphoreSlim.WaitAsync(CancellationToken)</c> leaves it when it has to wait under a token.
    /// </summary>
    public static async Task EnterAsync(this SemaphoreSlim gate, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Task entered = WhenFree(gate);
        try
        {
            await entered.Follow().WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // The place is given to us sooner or later, and nobody wants it any more.
            _ = LeaveAfterAsync(gate, entered);
            throw;
        }
    }

    private static Task WhenFree(SemaphoreSlim gate) => gate.WaitAsync();

    private static async Task LeaveAfterAsync(SemaphoreSlim gate, Task entered)
    {
        await entered;
        gate.Release();
    }
}
