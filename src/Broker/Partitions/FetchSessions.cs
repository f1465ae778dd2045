using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Partitions;

/// <summary>What one fetch request comes to.</summary>
/// <param name="Error">Of the request as a whole; then nothing is fetched.</param>
/// <param name="Session">Null when the client keeps none.</param>
/// <param name="IsIncremental">Only what changed is answered.</param>
internal readonly record struct FetchPlan(KafkaError Error, FetchSession? Session, bool IsIncremental, IReadOnlyList<FetchItem> Items)
{
    public int SessionId => Session?.Id ?? 0;
}

/// <summary>
/// The fetch sessions of all clients (KIP-227), bounded: a new one takes the place of the one unused for longest, if that
/// was unused for long enough; else the client fetches without a session, which always works.
/// </summary>
/// <remarks>Owner: the fetch handler. Any thread; one lock, held for no longer than a request's partitions take.</remarks>
internal sealed class FetchSessions(int sessionsMax, long evictionMs, TimeProvider time, Func<int> newId)
{
    private const int FinalEpoch = -1;
    private const int InitialEpoch = 0;

    private readonly Lock _gate = new();
    private readonly Dictionary<int, FetchSession> _sessions = [];

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _sessions.Count;
            }
        }
    }

    public FetchPlan Begin(FetchRequest request, bool usesTopicIds)
    {
        lock (_gate)
        {
            return request.SessionEpoch is InitialEpoch or FinalEpoch
                ? BeginFull(request, usesTopicIds)
                : BeginIncremental(request, usesTopicIds);
        }
    }

    /// <summary>Whether an incremental answer must name the partition, given what the client was told before.</summary>
    public bool MustAnswer(FetchPlan plan, FetchItem item, FetchResponse.PartitionData answer)
    {
        if (plan.Session is not { } session)
        {
            return true;
        }

        lock (_gate)
        {
            bool hasRecords = answer.Records is { Length: > 0 };
            bool isError = answer.ErrorCode != 0;
            bool changed = !plan.IsIncremental || hasRecords || isError || answer.DivergingEpoch is { Epoch: >= 0 } || answer.PreferredReadReplica >= 0
                || item.SentHighWatermark != answer.HighWatermark || item.SentLogStartOffset != answer.LogStartOffset;
            // After an error the partition is told again even if nothing else changes.
            item.SentHighWatermark = isError ? -1 : answer.HighWatermark;
            item.SentLogStartOffset = answer.LogStartOffset;
            if (hasRecords)
            {
                session.Served(item);
            }

            return changed;
        }
    }

    private FetchPlan BeginFull(FetchRequest request, bool usesTopicIds)
    {
        if (request.SessionId != 0)
        {
            _sessions.Remove(request.SessionId);
        }

        if (request.SessionEpoch == InitialEpoch && TryCreate(usesTopicIds) is { } session)
        {
            session.Apply(Wanted(request, usesTopicIds), []);
            if (session.Count > 0)
            {
                return new FetchPlan(KafkaError.None, session, false, session.Items());
            }

            _sessions.Remove(session.Id);
        }

        return new FetchPlan(KafkaError.None, null, false, ItemsWithoutSession(request, usesTopicIds));
    }

    private FetchPlan BeginIncremental(FetchRequest request, bool usesTopicIds)
    {
        if (!_sessions.TryGetValue(request.SessionId, out FetchSession? session))
        {
            return new FetchPlan(KafkaError.FetchSessionIdNotFound, null, true, []);
        }

        if (session.UsesTopicIds != usesTopicIds)
        {
            return new FetchPlan(KafkaError.FetchSessionTopicIdError, null, true, []);
        }

        if (session.NextEpoch != request.SessionEpoch)
        {
            return new FetchPlan(KafkaError.InvalidFetchSessionEpoch, null, true, []);
        }

        session.Apply(Wanted(request, usesTopicIds), Forgotten(request, usesTopicIds));
        session.Advance();
        session.LastUsedMs = NowMs();
        if (session.Count == 0)
        {
            _sessions.Remove(session.Id);
            return new FetchPlan(KafkaError.None, null, true, []);
        }

        return new FetchPlan(KafkaError.None, session, true, session.Items());
    }

    private FetchSession? TryCreate(bool usesTopicIds)
    {
        if (_sessions.Count >= sessionsMax && !TryEvict())
        {
            return null;
        }

        int id;
        do
        {
            id = newId();
        }
        while (id <= 0 || _sessions.ContainsKey(id));

        var session = new FetchSession(id, usesTopicIds) { LastUsedMs = NowMs() };
        _sessions.Add(id, session);
        return session;
    }

    private bool TryEvict()
    {
        FetchSession? oldest = _sessions.Values.MinBy(session => session.LastUsedMs);
        return oldest is not null && NowMs() - oldest.LastUsedMs >= evictionMs && _sessions.Remove(oldest.Id);
    }

    private long NowMs() => time.GetUtcNow().ToUnixTimeMilliseconds();

    private static List<FetchItem> ItemsWithoutSession(FetchRequest request, bool usesTopicIds)
    {
        var items = new List<FetchItem>();
        foreach ((FetchKey key, FetchRequest.FetchPartition partition) in Wanted(request, usesTopicIds))
        {
            var item = new FetchItem(key);
            item.Update(partition);
            items.Add(item);
        }

        return items;
    }

    private static IEnumerable<(FetchKey Key, FetchRequest.FetchPartition Wanted)> Wanted(FetchRequest request, bool usesTopicIds)
    {
        foreach (FetchRequest.FetchTopic topic in request.Topics)
        {
            foreach (FetchRequest.FetchPartition partition in topic.Partitions)
            {
                yield return (KeyOf(topic.TopicId, topic.Topic, partition.Partition, usesTopicIds), partition);
            }
        }
    }

    private static IEnumerable<FetchKey> Forgotten(FetchRequest request, bool usesTopicIds)
    {
        foreach (FetchRequest.ForgottenTopic topic in request.ForgottenTopicsData)
        {
            foreach (int partition in topic.Partitions)
            {
                yield return KeyOf(topic.TopicId, topic.Topic, partition, usesTopicIds);
            }
        }
    }

    private static FetchKey KeyOf(Guid id, string name, int partition, bool usesTopicIds) =>
        usesTopicIds ? new FetchKey(id, null, partition) : new FetchKey(Guid.Empty, name, partition);
}
