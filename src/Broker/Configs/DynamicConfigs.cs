using System.Collections.Immutable;
using System.Globalization;
using PipeRoll.Broker.Cluster;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;

namespace PipeRoll.Broker.Configs;

/// <summary>What the kinds of <see cref="ConfigRecord"/> are called.</summary>
internal static class ConfigKinds
{
    /// <summary>Entity: a node id, or nothing for all brokers.</summary>
    public const string Broker = "broker";

    /// <summary>Entity: the group's id.</summary>
    public const string Group = "group";

    /// <summary>Entity: the name of the subscription.</summary>
    public const string ClientMetrics = "client-metrics";

    /// <summary>Entity: see <see cref="Quotas.QuotaEntity"/>.</summary>
    public const string Quota = "quota";
}

/// <summary>
/// Everything that is set beside topics: an image in memory of the catalog, which every change goes through first. Changes that other
/// brokers make come through <see cref="IConfigHost"/>.
/// </summary>
/// <remarks>
/// Owner: the broker. Reads from any thread, without waiting. Failure: a change that the catalog did not take leaves the image as it was.
/// </remarks>
internal sealed class DynamicConfigs(
    BrokerOptions options, IConfigCatalog catalog, Func<CancellationToken, ValueTask> catchUp) : IConfigHost
{
    private static readonly Dictionary<string, string> Nothing = [];
    private readonly Lock _gate = new();
    private ImmutableDictionary<(string Kind, string Entity), ConfigRecord> _records =
        ImmutableDictionary<(string Kind, string Entity), ConfigRecord>.Empty;
    private volatile BrokerLayers _layers = BrokerLayers.Of(options);

    /// <summary>Something was changed, here or elsewhere. Called one at a time; must be quick and must not throw.</summary>
    public event Action? Changed;

    public BrokerLayers Layers => _layers;

    /// <summary>The broker's settings as they are now.</summary>
    public BrokerOptions Options => _layers.Effective;

    public async ValueTask LoadAsync(CancellationToken cancellation) => Apply(await catalog.ListConfigsAsync(cancellation));

    public IReadOnlyDictionary<string, string> Find(string kind, string entity) =>
        Records.TryGetValue((kind, entity), out ConfigRecord? record) ? record.Values : Nothing;

    /// <summary>All entities of the kind that have something set, by entity.</summary>
    public IReadOnlyList<ConfigRecord> Of(string kind) =>
        [.. Records.Values.Where(record => record.Kind == kind).OrderBy(static record => record.Entity, StringComparer.Ordinal)];

    public bool Has(string kind) => Records.Keys.Any(key => key.Kind == kind);

    /// <param name="change">Makes the new settings of what they are; asked again when somebody else was faster.</param>
    public async ValueTask<(KafkaError Error, string? Message)> SetAsync(
        string kind, string entity, Func<IReadOnlyDictionary<string, string>, ConfigChangeResult> change, string principal,
        CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, string> before = Find(kind, entity);
        try
        {
            while (true)
            {
                ConfigChangeResult changed = change(before);
                if (changed.Error != KafkaError.None)
                {
                    return (changed.Error, changed.Message);
                }

                (CatalogError error, ConfigRecord now) =
                    await catalog.SetConfigsAsync(new ConfigRecord(kind, entity, changed.Configs), principal, before, cancellation);
                if (error == CatalogError.None)
                {
                    Publish(records => now.Values.Count == 0 ? records.Remove((kind, entity)) : records.SetItem((kind, entity), now));
                    await catchUp(cancellation);
                    return (KafkaError.None, null);
                }

                before = now.Values;
            }
        }
        catch (MetadataUnavailableException)
        {
            return (KafkaError.RequestTimedOut, "The metadata database does not answer: look whether the change took place, and try again.");
        }
    }

    public void Apply(IReadOnlyList<ConfigRecord> configs) => Publish(_ => configs
        .Where(static record => record.Values.Count > 0).ToImmutableDictionary(static record => (record.Kind, record.Entity)));

    private ImmutableDictionary<(string Kind, string Entity), ConfigRecord> Records => Volatile.Read(ref _records);

    private void Publish(
        Func<ImmutableDictionary<(string Kind, string Entity), ConfigRecord>, ImmutableDictionary<(string Kind, string Entity), ConfigRecord>> change)
    {
        lock (_gate)
        {
            Volatile.Write(ref _records, change(_records));
            _layers = new BrokerLayers(
                options, Find(ConfigKinds.Broker, ""),
                Find(ConfigKinds.Broker, options.NodeId.ToString(CultureInfo.InvariantCulture)));
            Changed?.Invoke();
        }
    }
}
