using System.Runtime.CompilerServices;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Tests.Groups;

/// <summary>The offsets topic in memory; writes can be held up or refused, and reads made to fail.</summary>
internal sealed class MemoryOffsetsLog(int partitions) : IOffsetsLog
{
    private readonly List<GroupLogRecord>[] _records = [.. Enumerable.Range(0, partitions).Select(static _ => new List<GroupLogRecord>())];

    /// <summary>As another broker sees it, with terms of its own.</summary>
    public MemoryOffsetsLog(MemoryOffsetsLog same)
        : this(same.PartitionCount) => _records = same._records;

    private readonly Queue<(int Partition, IReadOnlyList<GroupLogRecord> Records, TaskCompletionSource<KafkaError> Done)> _held = new();

    private readonly int[] _terms = new int[partitions];

    public event Action<int>? TermChanged;

    public bool IsReady { get; set; } = true;

    public bool IsShared { get; init; }

    public int PartitionCount => partitions;

    public bool Holds { get; set; }

    public KafkaError Refusal { get; set; }

    public int ReadsToFail { get; set; }

    /// <summary>Reads wait for this to end; null lets them go.</summary>
    public TaskCompletionSource? ReadGate { get; set; }

    public bool HasFailed { get; private set; }

    public int HeldCount => _held.Count;

    public IEnumerable<GroupLogRecord> All => _records.SelectMany(static records => records);

    public Task PrepareAsync(CancellationToken cancellation)
    {
        IsReady = true;
        return Task.CompletedTask;
    }

    public int TermOf(int partition) => _terms[partition];

    public void SetTermQuietly(int partition, int term) => _terms[partition] = term;

    public void SetTerm(int partition, int term)
    {
        _terms[partition] = term;
        TermChanged?.Invoke(partition);
    }

    public Task<KafkaError> AppendAsync(int partition, int term, IReadOnlyList<GroupLogRecord> records)
    {
        if (term != _terms[partition])
        {
            return Task.FromResult(KafkaError.NotLeaderOrFollower);
        }

        if (Holds)
        {
            TaskCompletionSource<KafkaError> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _held.Enqueue((partition, records, done));
            return done.Task;
        }

        if (Refusal == KafkaError.None)
        {
            _records[partition].AddRange(records);
        }

        return Task.FromResult(Refusal);
    }

    public async Task<AppendResult> AppendAsync(
        int partition, int term, IReadOnlyList<GroupLogRecord> records, TransactionalAppend transaction)
    {
        GroupLogRecord[] marked = [.. records.Select(record => record with { ProducerId = transaction.ProducerId })];
        return new AppendResult(await AppendAsync(partition, term, marked), null, -1, -1, -1);
    }

    /// <summary>A marker, as the leader of the partition writes it.</summary>
    public void EndTransaction(int partition, long producerId, bool isCommit) =>
        _records[partition].Add(new GroupLogRecord { ProducerId = producerId, IsCommit = isCommit });

    public void Release(KafkaError error = KafkaError.None)
    {
        (int partition, IReadOnlyList<GroupLogRecord> records, TaskCompletionSource<KafkaError> done) = _held.Dequeue();
        if (error == KafkaError.None)
        {
            _records[partition].AddRange(records);
        }

        done.SetResult(error);
    }

    public async IAsyncEnumerable<GroupLogRecord> ReadAsync(int partition, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await Task.Yield();
        if (ReadGate is { } gate)
        {
            await gate.Task;
        }

        if (ReadsToFail > 0)
        {
            ReadsToFail--;
            HasFailed = true;
            throw new IOException("the disk said no");
        }

        foreach (GroupLogRecord record in _records[partition].ToArray())
        {
            yield return record;
        }
    }
}
