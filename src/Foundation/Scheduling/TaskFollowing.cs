namespace PipeRoll.Foundation.Scheduling;

/// <summary>Keeps combined waits on the scheduler of whoever waits.</summary>
public static class TaskFollowing
{
    /// <summary>
    /// A task that ends as <paramref name="task"/> does, on the present scheduler. To be used below <c>Task.WhenAny</c>,
    /// <c>Task.WhenAll</c> and <c>WaitAsync</c> when the task may come from a completion source with
    /// <see cref="TaskCreationOptions.RunContinuationsAsynchronously"/>: those combinators are then completed by a thread
    /// of the pool, whatever the scheduler, and simulation loses them. A plain await needs no following.
    /// </summary>
    public static async Task Follow(this Task task) => await task;

    /// <inheritdoc cref="Follow(Task)"/>
    public static async Task<T> Follow<T>(this Task<T> task) => await task;
}
