using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>What the metadata promises about commits in a cluster, without a database: owners, sealed parts, order, repetition.</summary>
internal sealed class CommitTable
{
    private readonly Dictionary<StreamId, Row> _rows = [];
    private readonly Dictionary<long, ObjectCommit> _objects = [];
    private long _nextObject = 1;

    public CommitTable() => Metadata = PartialFake.Of<IMetadataStore>(Call);

    public IMetadataStore Metadata { get; }

    public List<CommitWriter> Writers { get; } = [];

    public IReadOnlyDictionary<long, ObjectCommit> Objects => _objects;

    /// <summary>Awaited before a commit takes effect; may throw.</summary>
    public Func<Task>? BeforeCommit { get; set; }

    public void Add(long stream, long owner, long epoch = 1, long committed = 0, long sealedAt = 0) =>
        _rows[new StreamId(stream)] = new Row(owner, epoch, committed, sealedAt);

    public void Remove(long stream) => _rows.Remove(new StreamId(stream));

    public long Committed(long stream) => _rows[new StreamId(stream)].Committed;

    public void SetCommitted(long stream, long committed) =>
        _rows[new StreamId(stream)] = _rows[new StreamId(stream)] with { Committed = committed };

    /// <summary>The stream's ranges in the order in which they were committed.</summary>
    public IEnumerable<(long ObjectId, RangeCommit Range)> RangesOf(long stream) =>
        _objects.SelectMany(static o => o.Value.Ranges.Select(r => (o.Key, r))).Where(r => r.r.Stream.Value == stream).OrderBy(r => r.r.BaseOffset);

    private object Call(string name, object?[] arguments) => name switch
    {
        nameof(IMetadataStore.ReadStreamsAsync) => new ValueTask<IReadOnlyList<StreamState>>(
        [
            .. ((IReadOnlyList<StreamId>)arguments[0]!).Where(_rows.ContainsKey)
                .Select(id => new StreamState(id, _rows[id].Epoch, 0, _rows[id].Committed, _rows[id].Sealed)),
        ]),
        nameof(IMetadataStore.PrepareObjectsAsync) => new ValueTask<long>((_nextObject += (int)arguments[0]!) - (int)arguments[0]!),
        nameof(IMetadataStore.CommitObjectsAsync) => new ValueTask<CommitOutcome>(
            CommitAsync((IReadOnlyList<ObjectCommit>)arguments[0]!, (CommitWriter)arguments[1]!)),
        _ => throw new NotSupportedException(name),
    };

    private async Task<CommitOutcome> CommitAsync(IReadOnlyList<ObjectCommit> commits, CommitWriter writer)
    {
        await (BeforeCommit?.Invoke() ?? Task.CompletedTask);
        Writers.Add(writer);
        var refused = new List<StreamId>();
        var later = new List<StreamId>();
        var rows = new Dictionary<StreamId, Row>(_rows);
        var accepted = new List<ObjectCommit>();
        foreach (ObjectCommit commit in commits)
        {
            var ranges = new List<RangeCommit>();
            foreach (RangeCommit range in commit.Ranges)
            {
                if (!rows.TryGetValue(range.Stream, out Row? row) || (range.EndOffset > row.Sealed
                    && (range.Epoch < row.Epoch || (row.Owner != writer.Broker.Value && row.Owner != writer.OnBehalfOf.Value))))
                {
                    refused.Add(range.Stream);
                }
                else if (range.BaseOffset > row.Committed && row.Sealed > row.Committed)
                {
                    later.Add(range.Stream);
                }
                else if (range.BaseOffset != row.Committed)
                {
                    throw new MetadataConflictException($"stream {range.Stream}: {range.BaseOffset} after {row.Committed}");
                }
                else
                {
                    rows[range.Stream] = row with { Committed = range.EndOffset };
                    ranges.Add(range);
                }
            }

            accepted.Add(commit with { Ranges = ranges });
        }

        foreach ((StreamId id, Row row) in rows)
        {
            _rows[id] = row;
        }

        accepted.ForEach(a => _objects.Add(a.ObjectId, a));
        return new CommitOutcome(refused) { Later = later };
    }

    private sealed record Row(long Owner, long Epoch, long Committed, long Sealed);
}
