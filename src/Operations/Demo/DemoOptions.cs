namespace PipeRoll.Operations.Demo;

/// <summary>What the user asked the demo to do.</summary>
public sealed record DemoOptions
{
    /// <summary>CSV or JSON Lines to capture; null: generated payments.</summary>
    public string? Input { get; init; }

    public string? KeyField { get; init; }

    public string? TimeField { get; init; }

    /// <summary>Events to generate, or rows of the input to take at most; null: 50,000 generated ones, or all of the input.</summary>
    public int? Events { get; init; }

    public int Seed { get; init; } = 1;

    /// <summary>A cluster to use instead of starting one; nothing is killed then.</summary>
    public string? Bootstrap { get; init; }

    /// <summary>How many brokers to start, over a bucket and a database of their own; null: one server with everything in a folder.</summary>
    public int? Cluster { get; init; }

    public string? PolicyFile { get; init; }

    public string? SecondPolicyFile { get; init; }

    /// <summary>CSV of subject and label, to score the decisions.</summary>
    public string? LabelsFile { get; init; }

    /// <summary>Where to write the summary as JSON.</summary>
    public string? JsonFile { get; init; }

    /// <summary>Leave the data folder where it is.</summary>
    public bool Keep { get; init; }

    /// <summary>The server's data folder; null: a temporary one that is removed at the end.</summary>
    public string? DataFolder { get; init; }

    /// <summary>Where temporary folders are made.</summary>
    public string TempFolder { get; init; } = Path.GetTempPath();

    /// <summary>Partitions of the workflow's topics; null: four, or two for each broker of a cluster.</summary>
    public int? Partitions { get; init; }

    public int Workers { get; init; } = 2;

    /// <summary>PipeRoll.Server.dll; looked up only when a server is to be started.</summary>
    public required Func<string> ServerExecutable { get; init; }

    /// <summary>Where the scripts lie that start a bucket and a database; looked up only for a cluster.</summary>
    public Func<string> ServersFolder { get; init; } = static () =>
        throw new DemoException("the scripts of build/servers were not found: start the demo of a cluster from a checkout");

    /// <summary>Where sample policies lie.</summary>
    public required Func<string> SamplesFolder { get; init; }
}
