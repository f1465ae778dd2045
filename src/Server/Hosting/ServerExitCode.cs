namespace PipeRoll.Server.Hosting;

/// <summary>How the server ends: supervisors decide by it whether and how soon to start it again.</summary>
internal static class ServerExitCode
{
    /// <summary>Stopped as it was asked to, everything stored.</summary>
    public const int Stopped = 0;

    public const int CouldNotStart = 1;

    public const int WrongSettings = 2;

    /// <summary>The log's device failed, or the code met what it holds impossible: nothing can be acknowledged any more.</summary>
    public const int Failed = 70;

    /// <summary>The cluster has declared this life dead, and goes on without it: to be started again, as a new one.</summary>
    public const int Fenced = 75;
}
