using PipeRoll.Broker.Topics;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Partitions;

/// <summary>How a fetch names a partition: by topic id from version 13 on, by name before.</summary>
internal readonly record struct FetchKey(Guid TopicId, string? Topic, int Partition)
{
    public Topic? In(TopicDirectory topics) => Topic is { } name ? topics.Find(name) : topics.Find(TopicId);
}

/// <summary>What a client wants of one partition, and what a session last told it.</summary>
internal sealed class FetchItem(FetchKey key)
{
    public FetchKey Key { get; } = key;

    public long Offset { get; private set; }

    public int BytesMax { get; private set; }

    public int CurrentLeaderEpoch { get; private set; } = -1;

    public int LastFetchedEpoch { get; private set; } = -1;

    public long SentHighWatermark { get; set; } = -1;

    public long SentLogStartOffset { get; set; } = -1;

    public void Update(FetchRequest.FetchPartition wanted)
    {
        Offset = wanted.FetchOffset;
        BytesMax = wanted.PartitionMaxBytes;
        CurrentLeaderEpoch = wanted.CurrentLeaderEpoch;
        LastFetchedEpoch = wanted.LastFetchedEpoch;
    }
}

/// <summary>
/// An incremental fetch session (KIP-227): the partitions a client keeps fetching, in the order in which they are served.
/// </summary>
/// <remarks>Every call under the lock of <see cref="FetchSessions"/>, which owns it.</remarks>
internal sealed class FetchSession(int id, bool usesTopicIds)
{
    private readonly Dictionary<FetchKey, LinkedListNode<FetchItem>> _places = [];
    private readonly LinkedList<FetchItem> _items = new();

    public int Id { get; } = id;

    public bool UsesTopicIds { get; } = usesTopicIds;

    /// <summary>What the next incremental request must carry.</summary>
    public int NextEpoch { get; private set; } = 1;

    public long LastUsedMs { get; set; }

    public int Count => _places.Count;

    public void Apply(IEnumerable<(FetchKey Key, FetchRequest.FetchPartition Wanted)> wanted, IEnumerable<FetchKey> forgotten)
    {
        foreach ((FetchKey key, FetchRequest.FetchPartition partition) in wanted)
        {
            if (!_places.TryGetValue(key, out LinkedListNode<FetchItem>? place))
            {
                place = _items.AddLast(new FetchItem(key));
                _places.Add(key, place);
            }

            place.Value.Update(partition);
        }

        foreach (FetchKey key in forgotten)
        {
            if (_places.Remove(key, out LinkedListNode<FetchItem>? place))
            {
                _items.Remove(place);
            }
        }
    }

    /// <summary>Epochs ascend from 1 and start again at 1 after 2^31-1; 0 and -1 have meanings of their own.</summary>
    public void Advance() => NextEpoch = NextEpoch == int.MaxValue ? 1 : NextEpoch + 1;

    public FetchItem[] Items() => [.. _items];

    /// <summary>Whoever was served goes to the end, so that the others come first next time.</summary>
    public void Served(FetchItem item)
    {
        if (_places.TryGetValue(item.Key, out LinkedListNode<FetchItem>? place) && ReferenceEquals(place.Value, item))
        {
            _items.Remove(place);
            _items.AddLast(place);
        }
    }
}
