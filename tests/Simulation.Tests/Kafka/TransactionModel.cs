using PipeRoll.Simulation.Streams;

namespace PipeRoll.Simulation.Kafka;

/// <summary>What is known of how a transaction ended.</summary>
internal enum TransactionFate
{
    /// <summary>Under way, or nobody lived to hear how it ended.</summary>
    Unknown,
    Committed,
    Aborted,
}

/// <summary>One transaction: its records by partition, each there once, and the offset that it commits.</summary>
/// <param name="Number">Of the producer's transactions, ascending.</param>
internal sealed record SentTransaction(int Producer, int Number, IReadOnlyDictionary<int, int> Records, bool CommitsOffset)
{
    public TransactionFate Fate { get; set; }
}

/// <summary>
/// What the clients of transactions know together. A committed transaction is seen whole, each record once; an aborted one never, and none
/// in part; and the offset that is committed is that of the last committed transaction that had one.
/// </summary>
/// <remarks>Owner: the scenario; outlives brokers and clients.</remarks>
internal sealed class TransactionModel(int partitions, Action<Exception> onBroken)
{
    private readonly Dictionary<(int Producer, int Number), SentTransaction> _transactions = [];
    private readonly Dictionary<(int Partition, long Offset), SentRecord> _shown = [];
    private readonly Dictionary<(int Producer, int Number, int Partition), HashSet<long>> _offsets = [];
    private readonly Dictionary<int, long> _committedOffsets = [];

    public int Partitions => partitions;

    public int CommittedCount => _transactions.Values.Count(static sent => sent.Fate == TransactionFate.Committed);

    public SentTransaction Begin(int producer, int number, IReadOnlyDictionary<int, int> records, bool commitsOffset)
    {
        var sent = new SentTransaction(producer, number, records, commitsOffset);
        _transactions.Add((producer, number), sent);
        return sent;
    }

    /// <summary>A reader of committed records was shown one.</summary>
    public void Shown(int partition, long offset, SentRecord record)
    {
        if (_shown.TryGetValue((partition, offset), out SentRecord known))
        {
            Require(known == record, $"{record} was shown at {partition}/{offset}, where {known} was before");
            return;
        }

        SentTransaction sent = _transactions[(record.Producer, record.Number)];
        Require(sent.Fate != TransactionFate.Aborted, $"{record} was shown at {partition}/{offset}, but its transaction was aborted");
        _shown[(partition, offset)] = record;
        var key = (record.Producer, record.Number, partition);
        (_offsets.TryGetValue(key, out HashSet<long>? at) ? at : _offsets[key] = []).Add(offset);
    }

    /// <summary>Somebody was told the stable committed offset of a producer's group; -1 for none.</summary>
    public void SawOffset(int producer, long offset)
    {
        long before = _committedOffsets.GetValueOrDefault(producer, -1);
        Require(offset >= before, $"the committed offset of {producer} fell from {before} to {offset}");
        _committedOffsets[producer] = offset;
    }

    /// <summary>Everything was read to its end, and everybody has ended.</summary>
    public void CheckAll()
    {
        foreach (SentTransaction sent in _transactions.Values)
        {
            int seen = sent.Records.Count(of => _offsets.ContainsKey((sent.Producer, sent.Number, of.Key)));
            string name = $"transaction {sent.Number} of {sent.Producer}";
            Require(seen == 0 || seen == sent.Records.Count, $"torn: {name} is seen in {seen} of {sent.Records.Count} partitions");
            Require(sent.Fate != TransactionFate.Committed || seen > 0, $"lost: {name} was committed and is not there");
            Require(sent.Fate != TransactionFate.Aborted || seen == 0, $"aborted: {name} was aborted and is there");
            sent.Fate = seen > 0 ? TransactionFate.Committed : TransactionFate.Aborted;
            foreach ((int partition, int count) in seen > 0 ? sent.Records : new Dictionary<int, int>())
            {
                int found = _offsets[(sent.Producer, sent.Number, partition)].Count;
                Require(found == count, $"{(found < count ? "torn" : "doubled")}: {name} has {count} records in {partition}, {found} are there");
            }
        }
    }

    /// <summary>After <see cref="CheckAll"/>: the last offset of a producer's group.</summary>
    public void CheckOffset(int producer, long offset)
    {
        SawOffset(producer, offset);
        long expected = _transactions.Values
            .Where(sent => sent.Producer == producer && sent.CommitsOffset && sent.Fate == TransactionFate.Committed)
            .Select(static sent => (long)sent.Number).DefaultIfEmpty(-1).Max();
        Require(offset == expected, $"the committed offset of {producer} is {offset}, of its committed transactions it is {expected}");
    }

    public void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"transactions: {what}");
            onBroken(broken);
            throw broken;
        }
    }
}
