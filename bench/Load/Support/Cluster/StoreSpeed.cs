namespace PipeRoll.Load.Cluster;

/// <summary>What the object store takes, in milliseconds as P50/P99 of a log-normal distribution.</summary>
/// <param name="Name">As the figures are labelled.</param>
internal sealed record StoreSpeed(string Name, string Put, string Get, string List, string Delete)
{
    /// <summary>A store in the same region, by the design's figures for PUT; reads are taken to be twice as fast.</summary>
    public static readonly StoreSpeed Far = new("60/200 ms", "60/200", "30/100", "60/200", "60/200");

    /// <summary>A store in the same room.</summary>
    public static readonly StoreSpeed Near = new("10/20 ms", "10/20", "5/10", "10/20", "10/20");
}
