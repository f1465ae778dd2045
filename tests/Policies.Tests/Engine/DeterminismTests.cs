using System.Buffers.Binary;
using System.Security.Cryptography;
using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Engine;

/// <summary>
/// One log of several partitions, decided by machines that take partitions in other orders, stop and start again in the middle, and do or do not
/// use snapshots: the bytes of every record are the same, and so is one hash over all of them.
/// </summary>
public class DeterminismTests
{
    private const int Partitions = 4;
    private const int StepMax = 20;

    [Fact]
    public void MachinesThatWorkInOtherWaysGiveTheSameBytesAndTheSameRoot() =>
        Gen.Select(EventStream.Events.Array[Partitions], Gen.Int).Sample(
            (log, seed) =>
            {
                byte[] alone = RootOf(Decide(log, [0, 1, 2, 3], new Random(seed), restarts: false, snapshots: false));
                Assert.Equal(alone, RootOf(Decide(log, [3, 1, 0, 2], new Random(~seed), restarts: true, snapshots: true)));
                Assert.Equal(alone, RootOf(Decide(log, [2, 3, 1, 0], new Random(seed + 1), restarts: true, snapshots: false)));

                // Two machines, each with some of the partitions.
                List<byte[]>[] both = Decide(log, [0, 2], new Random(seed + 2), restarts: true, snapshots: true);
                List<byte[]>[] rest = Decide(log, [1, 3], new Random(seed + 3), restarts: false, snapshots: false);
                (both[1], both[3]) = (rest[1], rest[3]);
                Assert.Equal(alone, RootOf(both));
            },
            iter: 150);

    [Fact]
    public void AnotherEventOrAnotherVersionGivesAnotherRoot() =>
        EventStream.Events.Where(events => events.Length > 0).Array[Partitions].Sample(
            log =>
            {
                byte[] root = RootOf(Decide(log, [0, 1, 2, 3], new Random(1), restarts: false, snapshots: false));
                (long gap, string key, byte[] value) = log[2][0];
                log[2][0] = (gap, key, [.. value, (byte)' ']);
                Assert.NotEqual(root, RootOf(Decide(log, [0, 1, 2, 3], new Random(1), restarts: false, snapshots: false)));
            },
            iter: 20);

    /// <summary>The records of each partition, by a machine that has only some of them and works on them in turns of chance.</summary>
    private static List<byte[]>[] Decide(
        (long Gap, string Key, byte[] Value)[][] log, int[] partitions, Random random, bool restarts, bool snapshots)
    {
        List<byte[]>[] records = [.. Enumerable.Range(0, Partitions).Select(_ => new List<byte[]>())];
        DecisionEngine[] engines = [.. Enumerable.Range(0, Partitions).Select(NewEngine)];
        List<int> open = [.. partitions];
        while (open.Count > 0)
        {
            int partition = open[random.Next(open.Count)];
            (long Gap, string Key, byte[] Value)[] events = log[partition];
            int from = records[partition].Count;
            int to = Math.Min(events.Length, from + random.Next(1, StepMax));
            records[partition].AddRange(EventStream.DecideAll(engines[partition], events.AsSpan(from..to)));
            if (to == events.Length)
            {
                open.Remove(partition);
            }
            else if (restarts && random.Next(3) == 0)
            {
                engines[partition] = snapshots
                    ? DecisionEngine.Restore(EventStream.Policy, "t", partition, engines[partition].Snapshot())
                    : Refolded(partition, events.AsSpan(..to));
            }
        }

        return records;
    }

    private static DecisionEngine NewEngine(int partition) => new(EventStream.Policy, "t", partition);

    private static DecisionEngine Refolded(int partition, ReadOnlySpan<(long Gap, string Key, byte[] Value)> events)
    {
        DecisionEngine engine = NewEngine(partition);
        EventStream.DecideAll(engine, events);
        return engine;
    }

    /// <summary>SHA-256 over all records, by partition and order: each with its partition (4 bytes) and length (4) before it.</summary>
    private static byte[] RootOf(List<byte[]>[] records)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[8];
        for (int partition = 0; partition < records.Length; partition++)
        {
            foreach (byte[] record in records[partition])
            {
                BinaryPrimitives.WriteInt32BigEndian(head, partition);
                BinaryPrimitives.WriteInt32BigEndian(head[4..], record.Length);
                hash.AppendData(head);
                hash.AppendData(record);
            }
        }

        return hash.GetHashAndReset();
    }
}
