using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Snapshots;

public class SnapshotTests
{
    [Fact]
    public void RestoredAtAnyPointGivesTheSameBytes() =>
        Gen.Select(EventStream.Events, Gen.Int[0, 80]).Sample(
            (events, at) =>
            {
                at = Math.Min(at, events.Length);
                var through = new DecisionEngine(EventStream.Policy, "t", 3);
                List<byte[]> expected = EventStream.DecideAll(through, events);

                var first = new DecisionEngine(EventStream.Policy, "t", 3);
                EventStream.DecideAll(first, events.AsSpan(0, at));
                byte[] snapshot = first.Snapshot();
                DecisionEngine second = DecisionEngine.Restore(EventStream.Policy, "t", 3, snapshot);
                Assert.Equal(snapshot, second.Snapshot());
                Assert.Equal(first.NextOffset, second.NextOffset);
                List<byte[]> rest = EventStream.DecideAll(second, events.AsSpan(at));

                Assert.Equal(expected.Skip(at), rest);
                Assert.Equal(through.StateHash, second.StateHash);
                Assert.Equal(through.Snapshot(), second.Snapshot());
            },
            iter: 200,
            seed: "0N0XIzNsQ0O2");

    [Fact]
    public void FoldingIsDecidingWithoutTheRecord() =>
        EventStream.Events.Sample(
            events =>
            {
                var decided = new DecisionEngine(EventStream.Policy, "t", 0);
                var folded = new DecisionEngine(EventStream.Policy, "t", 0);
                EventStream.DecideAll(decided, events);
                foreach ((long gap, string key, byte[] value) in events)
                {
                    folded.Fold(folded.NextOffset + gap, 1_000, System.Text.Encoding.UTF8.GetBytes(key), value);
                }
                Assert.Equal(decided.Snapshot(), folded.Snapshot());
            },
            iter: 100,
            seed: "0N0XIzNsQ0O2");

    [Fact]
    public void HeaderNamesPolicyAndOffset()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 3);
        engine.Decide(41, 0, default, Make.Event("a", 1, 1));
        SnapshotHeader header = SnapshotHeader.Read(engine.Snapshot());
        string stateHash = Convert.ToHexStringLower(engine.StateHash);
        Assert.Equal(new SnapshotHeader(EventStream.Policy.Hash, "t", 3, 42, stateHash), header);
    }

    [Fact]
    public void OtherPolicyOrPartitionIsRefusedInWords()
    {
        byte[] snapshot = new DecisionEngine(EventStream.Policy, "t", 3).Snapshot();
        PolicyBundle other = Make.Policy("rules:\n  - { id: any, when: 'true', labels: [seen] }");
        SnapshotException wrong = Assert.Throws<SnapshotException>(() => DecisionEngine.Restore(other, "t", 3, snapshot));
        Assert.Contains("Fold the partition from its start", wrong.Message);
        wrong = Assert.Throws<SnapshotException>(() => DecisionEngine.Restore(EventStream.Policy, "t", 4, snapshot));
        Assert.Contains("t/3, not of t/4", wrong.Message);
    }

    [Fact]
    public void EveryDamagedByteIsNoticed()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 3);
        engine.Decide(Make.Event("a", 1, 1));
        byte[] snapshot = engine.Snapshot();
        for (int i = 0; i < snapshot.Length; i++)
        {
            byte[] damaged = [.. snapshot];
            damaged[i] ^= 0x10;
            Assert.Throws<CorruptSnapshotException>(() => DecisionEngine.Restore(EventStream.Policy, "t", 3, damaged));
            Assert.Throws<CorruptSnapshotException>(() => DecisionEngine.Restore(EventStream.Policy, "t", 3, snapshot.AsSpan(0, i)));
        }
    }
}
