namespace PipeRoll.Server.Hosting;

/// <summary>A started server, alone or one of several.</summary>
internal interface IPipeRollServer : IAsyncDisposable
{
    string KafkaAddress { get; }

    string HttpAddress { get; }

    /// <summary>Until it is asked to stop, or has to: then it stops in order.</summary>
    /// <returns>The process's exit code (<see cref="ServerExitCode"/>).</returns>
    Task<int> RunAsync();
}
