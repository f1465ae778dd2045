namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>Wakes whoever waits for entries of the log. Any thread.</summary>
internal sealed class LogSignal
{
    private TaskCompletionSource _next = Fresh();

    /// <summary>Ends with the next <see cref="Raise"/>. Take it before looking at the log, await it after.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Raise() => Interlocked.Exchange(ref _next, Fresh()).TrySetResult();

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
