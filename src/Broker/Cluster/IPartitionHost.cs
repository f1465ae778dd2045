using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster;

/// <summary>The partitions of this broker, as the cluster's machinery needs them: who leads what, and the two halves of a hand-over.</summary>
/// <remarks>
/// Called from one task at a time per stream, but not from one task alone. Calls about streams that the host does not know are no error and
/// change nothing. Nothing here waits for the metadata; what takes time goes on in the background of the host.
/// </remarks>
internal interface IPartitionHost
{
    /// <summary>
    /// This broker owns the stream under exactly <paramref name="epoch"/>: it is opened, and opening is tried again until it works or the
    /// placement changes. Returns at once. The same epoch again changes nothing; a higher one steps down from the lower one first.
    /// </summary>
    void Lead(StreamId stream, long epoch);

    /// <summary>
    /// This broker does not own the stream (any more): produce and fetch are answered with NOT_LEADER_OR_FOLLOWER, waiting ones wake.
    /// No error when it was not led here.
    /// </summary>
    void StepDown(StreamId stream);

    /// <summary>
    /// First half of a hand-over: no appends from now on (those that arrive wait for the outcome), everything appended is durable, the
    /// state at the end is taken. Ends with <see cref="Released"/> or <see cref="Resume"/>.
    /// </summary>
    /// <returns>
    /// Null when the partition is not open here now, and so can't be handed over. Then, and when this throws, the host has put things
    /// right by itself, and neither of the two is called.
    /// </returns>
    /// <exception cref="StreamUnavailableException">The stream has failed.</exception>
    ValueTask<PartitionHandOver?> SealAsync(StreamId stream, CancellationToken cancellation = default);

    /// <summary>
    /// Second half: the stream belongs to its new owner. The host steps down and has the storage upload and forget what it holds of it.
    /// <see cref="StepDown"/> may have been called just before: the image can be quicker than the answer to the hand-over.
    /// </summary>
    void Released(StreamId stream);

    /// <summary>Second half when the hand-over did not take place: appends go on here, those that waited too.</summary>
    void Resume(StreamId stream);

    /// <summary>Bytes per second of the partitions led here, over the last seconds; idle ones may be left out.</summary>
    IReadOnlyList<PartitionLoad> MeasureLoads();
}

/// <summary>Learns what is set beside topics, whenever anybody has changed it. Own changes come too.</summary>
internal interface IConfigHost
{
    /// <param name="configs">All of it. Must be quick and must not throw.</param>
    void Apply(IReadOnlyList<ConfigRecord> configs);
}

/// <summary>Learns of changes of topics that other brokers made, in the order in which they were made. Own changes come too.</summary>
internal interface ITopicHost
{
    /// <summary>A topic was made or changed (partitions, configs). Called before <see cref="IPartitionHost.Lead"/> for its streams.</summary>
    ValueTask ApplyAsync(TopicRecord topic, CancellationToken cancellation = default);

    /// <summary>A topic was deleted. No error when it is not known.</summary>
    ValueTask RemovedAsync(Guid topicId, CancellationToken cancellation = default);
}
