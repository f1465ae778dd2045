namespace PipeRoll.Streams.Metadata;

/// <param name="Id">Kafka's topic id (KIP-516).</param>
/// <param name="Partitions">One stream per partition, by partition index.</param>
/// <param name="Configs">Only what was set explicitly; names as Kafka documents them.</param>
public sealed record TopicRecord(
    Guid Id, string Name, IReadOnlyList<StreamId> Partitions, IReadOnlyDictionary<string, string> Configs, bool IsInternal)
{
    /// <summary>Who owns each partition, by partition index; empty with the embedded default.</summary>
    public IReadOnlyList<PartitionPlacement> Placements { get; init; } = [];
}

/// <summary>Why the catalog refused a change.</summary>
public enum CatalogError
{
    None,
    AlreadyExists,
    NotFound,
    Conflict,
}

/// <summary>
/// The topics of the cluster. Every change and its entry in the <c>metadata_log</c> (who, what) are one transaction.
/// </summary>
public interface ITopicCatalog : IConfigCatalog
{
    ValueTask<IReadOnlyList<TopicRecord>> ListTopicsAsync(CancellationToken cancellation = default);

    /// <param name="owners">
    /// Who gets each partition, in a cluster; one that is not alive gets none, and the controller places those. Null with the embedded default.
    /// </param>
    ValueTask<(CatalogError Error, TopicRecord? Topic)> CreateTopicAsync(
        Guid id, string name, int partitions, IReadOnlyDictionary<string, string> configs, bool isInternal, string principal,
        IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default);

    /// <summary>Adds partitions up to <paramref name="newTotal"/>; <see cref="CatalogError.Conflict"/> when there are as many already.</summary>
    /// <param name="owners">Who gets each added partition; as for <see cref="CreateTopicAsync"/>.</param>
    ValueTask<(CatalogError Error, TopicRecord? Topic)> CreatePartitionsAsync(
        string name, int newTotal, string principal, IReadOnlyList<BrokerEpoch>? owners = null, CancellationToken cancellation = default);

    /// <summary>Removes the topic and marks its streams for destruction.</summary>
    ValueTask<(CatalogError Error, TopicRecord? Topic)> DeleteTopicAsync(
        string name, string principal, CancellationToken cancellation = default);

    /// <summary>Replaces all explicitly set configs of the topic.</summary>
    /// <param name="before">
    /// What they were when the change was thought of: <see cref="CatalogError.Conflict"/>, with the topic as it is, when they are others by
    /// now. Null replaces whatever is there.
    /// </param>
    ValueTask<(CatalogError Error, TopicRecord? Topic)> SetTopicConfigsAsync(
        string name, IReadOnlyDictionary<string, string> configs, string principal, IReadOnlyDictionary<string, string>? before = null,
        CancellationToken cancellation = default);

    /// <summary>The cluster's id, made at first start: 22 characters, base64url of a UUID, as Kafka has it.</summary>
    ValueTask<string> GetClusterIdAsync(CancellationToken cancellation = default);

    /// <summary>Takes a block of producer ids that nobody was ever given. Returns its first.</summary>
    ValueTask<long> AllocateProducerIdsAsync(int count, CancellationToken cancellation = default);
}
