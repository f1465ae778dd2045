namespace PipeRoll.Broker.Transactions;

/// <summary>One transactional id at its coordinator.</summary>
/// <remarks>Owner: <see cref="TransactionCoordinator"/>; fields change under the entry's own lock. Nothing waits under it.</remarks>
internal sealed class TransactionEntry(string transactionalId, TransactionHome home, TransactionRecord? current = null)
{
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Lock Gate { get; } = new();

    public string TransactionalId { get; } = transactionalId;

    public TransactionHome Home { get; } = home;

    /// <summary>What is stored; null before the first record is.</summary>
    public TransactionRecord? Current { get; private set; } = current;

    /// <summary>A record is on its way to the log: until it has arrived, nothing else may be decided.</summary>
    public bool IsStoring { get; private set; }

    /// <summary>Another broker coordinates the id now, or it is forgotten.</summary>
    public bool HasGone { get; private set; }

    /// <summary>Ends at the next change.</summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    public void BeginStoring() => IsStoring = true;

    /// <param name="stored">Null when it failed: what was, still is.</param>
    public void EndStoring(TransactionRecord? stored)
    {
        IsStoring = false;
        Current = stored ?? Current;
        Signal();
    }

    public void Leave()
    {
        HasGone = true;
        Signal();
    }

    private void Signal()
    {
        TaskCompletionSource changed = _changed;
        Volatile.Write(ref _changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        changed.TrySetResult();
    }
}
