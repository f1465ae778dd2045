using System.Security.Cryptography;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Proofs.Merkle;
using PipeRoll.Proofs.Notes;

namespace PipeRoll.Evidence.Tests;

public sealed class PartitionEvidenceTests
{
    private static readonly Guid TopicId = new("0c1d2e3f-0011-2233-4455-66778899aabb");
    private readonly SetTime _time = new();
    private readonly FakeStream _records = new();
    private readonly FakeStream _statements = new(2);

    [Fact]
    public async Task EachConfirmedBatchBecomesAStatementThatTilesTheLog()
    {
        await using PartitionEvidence evidence = await AttachAsync();
        byte[][] batches = [.. Enumerable.Range(1, 9).Select(index => _records.AppendRecords(index, (byte)index))];
        Checkpoint checkpoint = await evidence.CheckpointAsync();
        Assert.Equal(("test/log/0", 9L), (checkpoint.Origin, checkpoint.Size));
        MerkleTree expected = new();
        long next = 0;
        foreach (LeafStatement statement in await StoredAsync())
        {
            byte[] batch = batches[expected.Size];
            Assert.Equal(new LeafStatement(TopicId, 4, next, next + expected.Size, _time.NowMs, new TreeHash(SHA256.HashData(batch))), statement);
            next = statement.LastOffset + 1;
            expected.Append(TreeHash.OfLeaf(statement.ToArray()));
        }

        Assert.Equal(_records.NextOffset, next);
        Assert.Equal(expected.Root, checkpoint.Root);
    }

    [Fact]
    public async Task AnyOffsetIsProvedOfflineFromStoredBytesAndPaperAlone()
    {
        await using PartitionEvidence evidence = await AttachAsync();
        for (int index = 1; index <= 20; index++)
        {
            _records.AppendRecords(1 + (index % 4), (byte)index);
        }

        NoteSigner signer = new("test/log", new byte[32]);
        for (long offset = 0; offset < _records.NextOffset; offset++)
        {
            OffsetProof proof = (await evidence.ProveAsync(offset))!;
            SignedNote note = SignedNote.Sign(proof.Checkpoint.ToString(), signer);
            string paper = new LogProof(proof.Index, proof.Path, note, proof.Statement.ToArray()).ToString();

            LogProof read = LogProof.Parse(paper);
            LeafStatement statement = LeafStatement.Read(read.Extra!.Value.Span);
            Assert.True(read.Verify(read.Extra.Value.Span, "test/log/0", signer.Verifier, out string? whyNot), whyNot);
            byte[] stored = _records.Batches.Single(batch => batch.BaseOffset <= offset && offset < batch.EndOffset).Bytes.ToArray();
            Assert.Equal(new TreeHash(SHA256.HashData(stored)), statement.BatchHash);
            Assert.InRange(offset, statement.BaseOffset, statement.LastOffset);
        }

        Assert.Null(await evidence.ProveAsync(_records.NextOffset));
        Assert.Null(await evidence.ProveAsync(-1));
    }

    [Fact]
    public async Task ARestartContinuesTheSameTree()
    {
        Checkpoint before;
        await using (PartitionEvidence evidence = await AttachAsync())
        {
            _records.AppendRecords(3, 1);
            _time.NowMs += 50;
            _records.AppendRecords(2, 2);
            before = await evidence.CheckpointAsync();
        }

        // While nobody watched: stated at the next start, with the time of that.
        _records.Observer = null;
        _records.AppendRecords(4, 3);
        _time.NowMs += 1_000;
        await using PartitionEvidence after = await AttachAsync();
        Checkpoint now = await after.CheckpointAsync();
        (Checkpoint same, IReadOnlyList<TreeHash> proof) = after.ProveConsistency(before.Size);
        Assert.Equal(now.Root, same.Root);
        Assert.True(MerkleProof.VerifyConsistency(before.Size, now.Size, proof, before.Root, now.Root));
        Assert.Equal([0L, 50L, 1_050L], (await StoredAsync()).Select(static statement => statement.AppendTimeMs - 1_700_000_000_000));
    }

    [Fact]
    public async Task FailuresToReadOrStoreOnlyDelay()
    {
        await using PartitionEvidence evidence = await AttachAsync();
        _records.AppendRecords(1, 1);
        await evidence.CheckpointAsync();
        _statements.FailuresLeft = 3;
        _records.AppendRecords(1, 2);
        Assert.Equal(2, (await evidence.CheckpointAsync()).Size);
        _records.AppendRecords(1, 3);
        _records.FailuresLeft = 2;
        Assert.Equal(3, (await evidence.CheckpointAsync()).Size);
    }

    [Fact]
    public async Task WhatWasDeletedBeforeItWasStatedIsAGap()
    {
        for (int index = 0; index < 4; index++)
        {
            _records.AppendRecords(2, (byte)index);
        }

        await _records.TrimAsync(3);
        await using PartitionEvidence evidence = await AttachAsync();
        Assert.Equal(2, (await evidence.CheckpointAsync()).Size);
        Assert.Null(await evidence.ProveAsync(3));
        Assert.Equal(4, (await evidence.ProveAsync(4))!.Statement.BaseOffset);
    }

    [Fact]
    public async Task StatementsOfAnotherPartitionAreRefused()
    {
        await new StreamStatementLog(_statements).AppendAsync([new LeafStatement(TopicId, 5, 0, 0, 1, TreeHash.OfEmptyTree)]);
        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(AttachAsync);
        Assert.Contains("test/log/0", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingIsToldBeforeItIsAttachedNorAfterItHasStopped()
    {
        PartitionEvidence evidence = Create();
        await Assert.ThrowsAsync<InvalidOperationException>(() => evidence.CheckpointAsync());
        await evidence.AttachAsync(_records);
        await Assert.ThrowsAsync<InvalidOperationException>(() => evidence.AttachAsync(_records));
        await evidence.DisposeAsync();
    }

    [Fact]
    public void AStatementIsReadBackAsWrittenFromItsEightyBytes() =>
        Gen.Select(Gen.Guid, Gen.Int, Gen.Long, Gen.Long, Gen.Long, Gen.Byte.Array[32]).Sample(
            static (topic, partition, first, last, time, hash) =>
            {
                LeafStatement statement = new(topic, partition, first, last, time, new TreeHash(hash));
                return LeafStatement.Read(statement.ToArray()) == statement;
            },
            iter: 300);

    [Fact]
    public void AStatementHasTheBytesOfItsFormat()
    {
        LeafStatement statement = new(TopicId, 4, 258, 260, 1_700_000_000_000, TreeHash.OfEmptyTree);
        Assert.Equal(
            "50524C31" + "0C1D2E3F00112233445566778899AABB" + "00000004" + "0000000000000102" + "0000000000000104" + "0000018BCFE56800"
            + "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            Convert.ToHexString(statement.ToArray()));
        Assert.Throws<FormatException>(static () => LeafStatement.Read(new byte[80]));
        Assert.Throws<FormatException>(() => LeafStatement.Read(statement.ToArray().AsSpan(0, 79)));
    }

    [Fact]
    public void TimesAreUpperBoundsWhateverTheClockDoes()
    {
        AppendTimes times = new();
        times.Note(10, 100);
        times.Note(20, 100);
        times.Note(30, 90);
        times.Note(40, 110);
        Assert.Equal(100, times.TakeFor(5));
        Assert.Equal(100, times.TakeFor(30));
        Assert.Equal(110, times.TakeFor(31));
        Assert.Null(times.TakeFor(41));
        for (int index = 0; index < 30_000; index++)
        {
            times.Note(100 + index, 1_000 + index);
        }

        Assert.True(times.TakeFor(100 + 29_000) >= 1_000 + 29_000);
    }

    private PartitionEvidence Create()
    {
        PartitionEvidence evidence = new("test/log/0", TopicId, 4, new StreamStatementLog(_statements), _time, NullLogger.Instance);
        _records.Observer = evidence;
        return evidence;
    }

    private async Task<PartitionEvidence> AttachAsync()
    {
        PartitionEvidence evidence = Create();
        await evidence.AttachAsync(_records);
        return evidence;
    }

    private async Task<List<LeafStatement>> StoredAsync()
    {
        List<LeafStatement> stored = [];
        await foreach (LeafStatement statement in new StreamStatementLog(_statements).ReadAsync(CancellationToken.None))
        {
            stored.Add(statement);
        }

        return stored;
    }
}
