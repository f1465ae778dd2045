namespace PipeRoll.Wire;

/// <summary>One row of the table of supported APIs.</summary>
/// <param name="AdvertisedMin">The lowest version that ApiVersions tells clients.</param>
/// <param name="ServedMin">
/// The lowest version that is served. It is above <paramref name="AdvertisedMin"/> only for Produce: librdkafka
/// turns compression off unless version 0 is advertised (KAFKA-18659), but never sends it.
/// </param>
public readonly record struct ApiSupport(
    ApiKey Key, string Name, short AdvertisedMin, short ServedMin, short MaxVersion, short FlexibleSince)
{
    public bool Serves(short version) => version >= ServedMin && version <= MaxVersion;

    /// <summary>Request headers are flexible (version 2) exactly where the request is (KIP-482).</summary>
    public short RequestHeaderVersion(short version) => version >= FlexibleSince ? (short)2 : (short)1;

    /// <summary>
    /// Response headers are flexible (version 1) where the response is, except for ApiVersions: a client that does not
    /// yet know the broker must be able to read it (KIP-511).
    /// </summary>
    public short ResponseHeaderVersion(short version) =>
        version >= FlexibleSince && Key != ApiKey.ApiVersions ? (short)1 : (short)0;
}
