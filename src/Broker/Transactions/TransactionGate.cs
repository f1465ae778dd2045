using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Transactions;

/// <summary>Whose records want to begin a transaction on which partition.</summary>
/// <param name="ClientVersion">2: the partition becomes part of the transaction by this; 0: the producer has seen to that before.</param>
internal readonly record struct TransactionalWriter(string TransactionalId, long ProducerId, short Epoch, short ClientVersion);

/// <summary>
/// Lets records into a partition only while its coordinator counts the partition as part of the producer's transaction, so that each
/// transaction with records somewhere gets its marker there (KIP-890).
/// </summary>
/// <remarks>
/// Any thread. The first records of a transaction wait while the coordinator is asked, and those of the same producer that follow wait behind
/// them; everything later goes straight in. Bounded by the requests in flight, which wait here.
/// </remarks>
internal sealed class TransactionGate(IPermitSource permits)
{
    private const int AttemptsMax = 3;

    private readonly Lock _gate = new();
    private readonly Dictionary<(Partition Partition, long ProducerId, short Epoch), Queue<Waiting>> _waiting = [];

    /// <param name="append">Appends; called once with each permit until that is not refused for the permit's sake, in order.</param>
    public ValueTask<AppendResult> AppendAsync(
        Partition partition, in TransactionalWriter writer, Func<TransactionPermit?, ValueTask<AppendResult>> append)
    {
        var key = (partition, writer.ProducerId, writer.Epoch);
        var waiting = new Waiting(append);
        TransactionPermit? permit;
        lock (_gate)
        {
            if (_waiting.TryGetValue(key, out Queue<Waiting>? ahead))
            {
                ahead.Enqueue(waiting);
                return waiting.ResultAsync();
            }

            permit = partition.AskPermit(writer.ProducerId, writer.Epoch);
            if (permit is not null)
            {
                _waiting.Add(key, new Queue<Waiting>([waiting]));
            }
        }

        if (permit is null)
        {
            return append(null);
        }

        // Not awaited: whoever waits is answered through the queue.
        _ = AskAsync(key, writer, permit);
        return waiting.ResultAsync();
    }

    private async Task AskAsync((Partition Partition, long ProducerId, short Epoch) key, TransactionalWriter writer, TransactionPermit permit)
    {
        var partition = new TransactionPartition(key.Partition.Identity.Topic, key.Partition.Identity.Index);
        TransactionPermit? current = permit;
        for (int attempt = 1; ; attempt++)
        {
            KafkaError error;
            try
            {
                error = current is null ? KafkaError.None : await permits.AskAsync(writer, partition);
            }
            catch (OperationCanceledException)
            {
                error = KafkaError.NotEnoughReplicas;
            }

            if (error != KafkaError.None && current is not null)
            {
                key.Partition.Withdraw(current);
            }

            if (!Drain(key, current, error, isLast: attempt == AttemptsMax))
            {
                return;
            }

            // A marker came between the coordinator's answer and the append, or the partition was opened anew: what is true now?
            current = key.Partition.AskPermit(writer.ProducerId, writer.Epoch);
        }
    }

    /// <returns>True when the first one that waits was refused for its permit, and is to be tried again.</returns>
    private bool Drain(
        (Partition Partition, long ProducerId, short Epoch) key, TransactionPermit? permit, KafkaError error, bool isLast)
    {
        while (true)
        {
            Waiting next;
            lock (_gate)
            {
                Queue<Waiting> queue = _waiting[key];
                if (queue.Count == 0)
                {
                    _waiting.Remove(key);
                    return false;
                }

                next = queue.Peek();
            }

            ValueTask<AppendResult> append = error == KafkaError.None
                ? next.Append(permit)
                : ValueTask.FromResult(AppendResult.Failed(error, $"{key.Partition.Identity}: the coordinator of the transaction says {error}"));
            if (!isLast && append is { IsCompletedSuccessfully: true, Result.LacksPermit: true })
            {
                return true;
            }

            lock (_gate)
            {
                _waiting[key].Dequeue();
            }

            next.Started(append);
        }
    }

    /// <summary>One append that waits for its turn.</summary>
    private sealed class Waiting(Func<TransactionPermit?, ValueTask<AppendResult>> append)
    {
        private readonly TaskCompletionSource<ValueTask<AppendResult>> _started =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ValueTask<AppendResult> Append(TransactionPermit? permit) => append(permit);

        public void Started(ValueTask<AppendResult> started) => _started.SetResult(started);

        public async ValueTask<AppendResult> ResultAsync() => await await _started.Task;
    }
}
