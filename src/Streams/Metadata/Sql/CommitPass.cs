namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>One commit of objects: judges each range by its stream as the ranges before it leave it.</summary>
internal sealed class CommitPass
{
    private readonly MetadataTransaction _tx;
    private readonly CommitWriter _writer;
    private readonly Dictionary<long, StreamTables.StreamRow> _streams;
    private readonly HashSet<StreamId> _refused = [];
    private readonly HashSet<StreamId> _later = [];

    private CommitPass(MetadataTransaction tx, IReadOnlyList<ObjectCommit> commits, CommitWriter writer)
    {
        _tx = tx;
        _writer = writer;
        _streams = StreamTables.Read(tx, commits.SelectMany(c => c.Ranges).Select(r => r.Stream));
    }

    private enum Verdict
    {
        Accepted,
        Refused,
        Later,
    }

    public static CommitOutcome Run(MetadataTransaction tx, IReadOnlyList<ObjectCommit> commits, CommitWriter writer)
    {
        BrokerTables.RequireWriter(tx, writer);
        var pass = new CommitPass(tx, commits, writer);
        foreach (ObjectCommit commit in commits)
        {
            // An answer that was lost is asked for again, or ranges come back that had to wait: the object is committed already.
            if (ObjectTables.IsCommitted(tx, commit.ObjectId))
            {
                pass.Repeat(commit);
            }
            else
            {
                pass.Commit(commit);
            }
        }

        return new CommitOutcome(InOrder(pass._refused)) { Later = InOrder(pass._later) };
    }

    private static List<StreamId> InOrder(HashSet<StreamId> ids) => [.. ids.OrderBy(i => i.Value)];

    private void Commit(ObjectCommit commit)
    {
        (List<RangeCommit> accepted, _, List<RangeCommit> later) = JudgeAll(commit.Ranges);
        if (accepted.Count == 0 && later.Count > 0)
        {
            // Nothing of it is needed yet: it stays prepared, and comes again as if for the first time.
            return;
        }

        ObjectTables.Commit(_tx, commit, accepted, later.Count);
        PendingTables.Insert(_tx, commit.ObjectId, later);
        Advance(accepted);
    }

    private void Repeat(ObjectCommit commit)
    {
        HashSet<(StreamId, long)> present = [.. RangeTables.ListOfObject(_tx, commit.ObjectId).Select(r => (r.Stream, r.Range.BaseOffset))];
        HashSet<(long, long)> pending = PendingTables.Read(_tx, commit.ObjectId);
        foreach (RangeCommit range in commit.Ranges.Where(r => !present.Contains((r.Stream, r.BaseOffset)) && !MayCommit(r, out _)))
        {
            _refused.Add(range.Stream);
        }

        (List<RangeCommit> accepted, List<RangeCommit> refused, _) =
            JudgeAll(commit.Ranges.Where(r => pending.Contains((r.Stream.Value, r.BaseOffset))));
        RangeTables.Insert(_tx, commit.ObjectId, accepted);
        PendingTables.Settle(_tx, commit.ObjectId, accepted);
        if (refused.Count > 0)
        {
            PendingTables.Refuse(_tx, commit.ObjectId, refused);
        }

        Advance(accepted);
    }

    private (List<RangeCommit> Accepted, List<RangeCommit> Refused, List<RangeCommit> Later) JudgeAll(IEnumerable<RangeCommit> ranges)
    {
        var accepted = new List<RangeCommit>();
        var refused = new List<RangeCommit>();
        var later = new List<RangeCommit>();
        foreach (RangeCommit range in ranges)
        {
            switch (Judge(range))
            {
                case Verdict.Accepted:
                    accepted.Add(range);
                    break;
                case Verdict.Later:
                    later.Add(range);
                    _later.Add(range.Stream);
                    break;
                default:
                    refused.Add(range);
                    _refused.Add(range.Stream);
                    break;
            }
        }

        return (accepted, refused, later);
    }

    private Verdict Judge(RangeCommit range)
    {
        if (!MayCommit(range, out StreamTables.StreamRow? row))
        {
            return Verdict.Refused;
        }

        bool isSealedPartMissing = row.CommittedOffset < row.SealedOffset;
        if (isSealedPartMissing && range.BaseOffset > row.CommittedOffset && range.EndOffset > range.BaseOffset)
        {
            return Verdict.Later;
        }

        if (range.BaseOffset != row.CommittedOffset || range.EndOffset <= range.BaseOffset)
        {
            throw new MetadataConflictException(
                $"stream {range.Stream} is committed up to {row.CommittedOffset}, so [{range.BaseOffset}, {range.EndOffset}) can't follow");
        }

        _streams[row.Id] = row with { CommittedOffset = range.EndOffset };
        return Verdict.Accepted;
    }

    private bool MayCommit(RangeCommit range, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out StreamTables.StreamRow? row)
    {
        if (!_streams.TryGetValue(range.Stream.Value, out row))
        {
            return false;
        }

        if (_writer.Broker.IsNone)
        {
            return range.Epoch >= row.Epoch;
        }

        // Up to its seal a stream was acknowledged by earlier owners, each of which may bring its part whatever became of the stream.
        return range.EndOffset <= row.SealedOffset
            || (range.Epoch >= row.Epoch && (row.Owner == 0 || row.Owner == _writer.Broker.Value || row.Owner == _writer.OnBehalfOf.Value));
    }

    private void Advance(List<RangeCommit> accepted)
    {
        // By stream: an object may hold several ranges of one, and the last one's end counts.
        List<StreamTables.StreamRow> rows = [.. accepted.Select(r => r.Stream.Value).Distinct().Select(id => _streams[id])];
        _tx.ExecuteRows(
            "UPDATE streams SET committed_offset = v.column2 FROM ({rows}) AS v WHERE streams.id = v.column1",
            rows.Select(r => SqlText.Row(r.Id, r.CommittedOffset)));
        PendingTables.DropOvertaken(_tx, [.. rows.Where(r => r.SealedOffset > 0).Select(r => (r.Id, r.CommittedOffset))]);

        // A stream may have been trimmed beyond what was being uploaded.
        foreach (RangeCommit range in accepted.Where(r => r.EndOffset <= _streams[r.Stream.Value].StartOffset))
        {
            RangeTables.Drop(_tx, range.Stream, range.BaseOffset, range.EndOffset);
        }
    }
}
