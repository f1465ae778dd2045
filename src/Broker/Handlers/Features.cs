using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <param name="Max">The level in force.</param>
internal sealed record Feature(string Name, short Min, short Max);

/// <summary>
/// The features of the cluster as clients know them (KIP-584): each in force with the highest level that the program supports.
/// </summary>
internal static class Features
{
    /// <summary>
    /// <c>metadata.version</c> is what tools take the version of the cluster from: 25 is 4.0-IV3. What metadata there are, is ours.
    /// </summary>
    public static IReadOnlyList<Feature> All { get; } =
    [
        new("metadata.version", 7, 25),
    ];

    /// <summary>Says so in an answer to ApiVersions (version 3 on).</summary>
    public static ApiVersionsResponse With(ApiVersionsResponse response)
    {
        response.SupportedFeatures = [.. All.Select(static feature => new ApiVersionsResponse.SupportedFeatureKey
        {
            Name = feature.Name,
            MinVersion = feature.Min,
            MaxVersion = feature.Max,
        })];
        response.FinalizedFeaturesEpoch = 0;
        response.FinalizedFeatures = [.. All.Select(static feature => new ApiVersionsResponse.FinalizedFeatureKey
        {
            Name = feature.Name,
            MinVersionLevel = feature.Max,
            MaxVersionLevel = feature.Max,
        })];
        return response;
    }
}
