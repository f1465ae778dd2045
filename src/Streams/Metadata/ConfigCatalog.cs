namespace PipeRoll.Streams.Metadata;

/// <summary>What was set for one thing that is not a topic.</summary>
/// <param name="Kind">What it is, such as <c>broker</c> or <c>quota</c>: a word of the caller's.</param>
/// <param name="Entity">Which one; the caller's spelling, equal exactly for the same thing. May be empty.</param>
public sealed record ConfigRecord(string Kind, string Entity, IReadOnlyDictionary<string, string> Values);

/// <summary>Settings of the cluster that clients change while it runs. Each change and its entry in the log are one transaction.</summary>
public interface IConfigCatalog
{
    /// <summary>Everything for which something is set, by kind and entity.</summary>
    ValueTask<IReadOnlyList<ConfigRecord>> ListConfigsAsync(CancellationToken cancellation = default);

    /// <summary>Replaces all that is set for the entity; nothing set forgets it. Log: <c>configs.set</c>.</summary>
    /// <param name="before">
    /// What was set when the change was thought of: <see cref="CatalogError.Conflict"/>, with what is there, when it is another by now.
    /// </param>
    /// <returns>What is set now.</returns>
    ValueTask<(CatalogError Error, ConfigRecord Record)> SetConfigsAsync(
        ConfigRecord record, string principal, IReadOnlyDictionary<string, string> before, CancellationToken cancellation = default);

    /// <summary>Bytes of batches in committed objects of those of <paramref name="ids"/> that have any.</summary>
    ValueTask<IReadOnlyDictionary<StreamId, long>> MeasureStreamsAsync(
        IReadOnlyList<StreamId> ids, CancellationToken cancellation = default);
}
