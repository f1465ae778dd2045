using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

internal readonly record struct HandlerEntry(ApiSupport Api, IHandler Handler);

/// <summary>Which handler serves which API. Immutable.</summary>
internal sealed class HandlerTable
{
    private readonly Dictionary<short, HandlerEntry> _entries = [];

    /// <exception cref="ArgumentException">Two handlers serve the same API.</exception>
    public HandlerTable(IEnumerable<IHandler> handlers)
    {
        foreach (IHandler handler in handlers)
        {
            _entries.Add((short)handler.Key, new HandlerEntry(ApiVersionsTable.Get(handler.Key), handler));
        }

        foreach (HandlerEntry entry in _entries.Values)
        {
            (entry.Handler as ApiVersionsHandler)?.Publish(this);
        }
    }

    public HandlerEntry? Find(short apiKey) => _entries.TryGetValue(apiKey, out HandlerEntry entry) ? entry : null;

    /// <summary>The body of an ApiVersions response: exactly the APIs that have a handler.</summary>
    public ApiVersionsResponse SupportedVersions(KafkaError error)
    {
        var response = new ApiVersionsResponse
        {
            ErrorCode = (short)error,
            ApiKeys = new(_entries.Count),
            FinalizedFeaturesEpoch = BrokerFeatures.Epoch,
            SupportedFeatures = BrokerFeatures.Supported(),
            FinalizedFeatures = BrokerFeatures.Finalized(),
        };
        foreach ((short key, HandlerEntry entry) in _entries.OrderBy(pair => pair.Key))
        {
            response.ApiKeys.Add(new ApiVersionsResponse.ApiVersion
            {
                ApiKey = key,
                MinVersion = entry.Api.AdvertisedMin,
                MaxVersion = entry.Api.MaxVersion,
            });
        }

        return response;
    }
}
