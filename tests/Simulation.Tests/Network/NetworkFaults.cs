namespace PipeRoll.Simulation.Network;

/// <summary>How bad a network is. Probabilities per segment that is sent.</summary>
public sealed record NetworkFaults
{
    public static readonly NetworkFaults None = new();

    public int LatencyMicrosecondsMax { get; init; } = 2000;

    /// <summary>The segment was lost and comes with its retransmission.</summary>
    public double Slow { get; init; }

    public int SlowMsMax { get; init; } = 3000;

    /// <summary>The connection is reset instead: whether what was sent before arrives is up to the seed.</summary>
    public double Reset { get; init; }

    /// <summary>Reads return a few bytes at a time.</summary>
    public bool Fragments { get; init; }

    /// <summary>Bytes that may be on the way or unread; a writer waits beyond that.</summary>
    public int WindowBytes { get; init; } = 64 * 1024;

    /// <summary>The probability that a process's machine dies with it: then nobody tells its peers.</summary>
    public double SilentDeath { get; init; }

    /// <summary>How long a peer knocks where nobody answers.</summary>
    public int ConnectTimeoutMs { get; init; } = 2000;
}
