using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>The features that clients ask for by name in ApiVersions (KIP-584): all of them are always on.</summary>
internal static class BrokerFeatures
{
    /// <summary>Of the finalized features: it never changes while the broker runs.</summary>
    public const long Epoch = 1;

    /// <summary>Name and the highest level, which is also the one in use.</summary>
    private static readonly (string Name, short Level, short Min)[] All =
    [
        // What tools take the version of the cluster from: 25 is 4.0-IV3. What metadata there are, is ours.
        ("metadata.version", 25, 7),

        // The consumer protocol (KIP-848).
        ("group.version", 1, 0),

        // Producers get a new epoch with each transaction (KIP-890).
        ("transaction.version", 2, 0),

        // Share groups (KIP-932).
        ("share.version", 1, 0),
    ];

    public static List<ApiVersionsResponse.SupportedFeatureKey> Supported() =>
        [.. All.Select(static feature => new ApiVersionsResponse.SupportedFeatureKey
        {
            Name = feature.Name,
            MinVersion = feature.Min,
            MaxVersion = feature.Level,
        })];

    /// <summary>The level in use; null when there is no such feature.</summary>
    public static short? LevelOf(string name) => All.Where(feature => feature.Name == name).Select(static feature => (short?)feature.Level).FirstOrDefault();

    public static List<ApiVersionsResponse.FinalizedFeatureKey> Finalized() =>
        [.. All.Select(static feature => new ApiVersionsResponse.FinalizedFeatureKey
        {
            Name = feature.Name,
            MaxVersionLevel = feature.Level,
            MinVersionLevel = feature.Level,
        })];
}
