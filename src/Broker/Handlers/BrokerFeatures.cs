using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>The features that clients ask for by name in ApiVersions (KIP-584): all of them are always on.</summary>
internal static class BrokerFeatures
{
    /// <summary>Of the finalized features: it never changes while the broker runs.</summary>
    public const long Epoch = 1;

    /// <summary>Name and the highest level, which is also the one in use.</summary>
    private static readonly (string Name, short Level)[] All =
    [
        // The consumer protocol (KIP-848).
        ("group.version", 1),

        // Share groups (KIP-932).
        ("share.version", 1),
    ];

    public static List<ApiVersionsResponse.SupportedFeatureKey> Supported() =>
        [.. All.Select(static feature => new ApiVersionsResponse.SupportedFeatureKey { Name = feature.Name, MaxVersion = feature.Level })];

    public static List<ApiVersionsResponse.FinalizedFeatureKey> Finalized() =>
        [.. All.Select(static feature => new ApiVersionsResponse.FinalizedFeatureKey
        {
            Name = feature.Name,
            MaxVersionLevel = feature.Level,
            MinVersionLevel = feature.Level,
        })];
}
