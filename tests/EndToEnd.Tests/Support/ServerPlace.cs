namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>Where and in what surroundings a server runs.</summary>
/// <param name="Address">It listens there, and clients are told to connect there.</param>
internal sealed record ServerPlace(string Address)
{
    /// <summary>In the test's own network and time.</summary>
    public static ServerPlace Here { get; } = new("127.0.0.1");

    /// <summary>A command that becomes the server (by exec, so that signals reach it), as one that enters a network namespace.</summary>
    public string[] Prefix { get; init; } = [];

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Of its HTTP port.</summary>
    public string Scheme { get; init; } = "http";

    /// <summary>Settings that differ from those of the cluster's other servers.</summary>
    public string[] Settings { get; init; } = [];
}
