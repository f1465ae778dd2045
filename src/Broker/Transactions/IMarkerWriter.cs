namespace PipeRoll.Broker.Transactions;

/// <summary>Writes the markers of decided transactions. A seam: tests of the coordinator have none written.</summary>
internal interface IMarkerWriter
{
    /// <summary>Ends when every partition of the transaction has its marker, durably; tries for ever.</summary>
    /// <param name="isWanted">False ends the attempt: another broker goes on with it.</param>
    /// <returns>False when it was given up.</returns>
    Task<bool> WriteAsync(
        string transactionalId, TransactionRecord decided, int coordinatorEpoch, Func<bool> isWanted, CancellationToken cancellation);
}
