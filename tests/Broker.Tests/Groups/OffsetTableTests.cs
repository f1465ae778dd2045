using PipeRoll.Broker.Groups.Offsets;

namespace PipeRoll.Broker.Tests.Groups;

public sealed class OffsetTableTests
{
    private static readonly GroupPartition Partition = new("topic", 3);

    private readonly OffsetTable _table = new();

    [Fact]
    public void ACommitThatEndsLateDoesNotReplaceALaterOne()
    {
        PendingCommit first = Begin(10);
        PendingCommit second = Begin(20);
        _table.End(second, isDurable: true);
        _table.End(first, isDurable: true);

        Assert.Equal(20, _table.Find(Partition)!.Offset);
    }

    [Fact]
    public void WhatIsBeingWrittenIsAmongWhatMustGetATombstone()
    {
        Begin(10);

        Assert.Empty(_table.Partitions);
        Assert.Equal([Partition], _table.PartitionsWithPending);
    }

    [Fact]
    public void ACommitThatWasForgottenWhileItWasWrittenDoesNotComeBack()
    {
        _table.Load(Partition, Offset(5));
        PendingCommit first = Begin(10);
        PendingCommit second = Begin(20);
        _table.Forget([Partition]);
        _table.End(first, isDurable: true);
        _table.End(second, isDurable: true);

        Assert.Null(_table.Find(Partition));
        Assert.Equal(0, _table.Bytes);
        Assert.False(_table.HasPending);
    }

    [Fact]
    public void ACommitAfterTheForgettingCounts()
    {
        PendingCommit before = Begin(10);
        _table.Forget([Partition]);
        PendingCommit after = Begin(20);
        _table.End(before, isDurable: true);
        _table.End(after, isDurable: true);

        Assert.Equal(20, _table.Find(Partition)!.Offset);
    }

    private static CommittedOffset Offset(long offset) => new(offset, -1, "", 1_000, -1);

    private PendingCommit Begin(long offset) => _table.Begin([new OffsetCommitEntry(Partition, Offset(offset))]);
}
