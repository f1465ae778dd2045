using System.Globalization;

namespace PipeRoll.Operations.Demo;

/// <summary>The servers that a demo starts, kills one of, and stops. Owner: the demo; one thread. Dispose leaves no process behind.</summary>
internal interface IDemoServers : IDisposable
{
    /// <summary>Where clients begin.</summary>
    string Bootstrap { get; }

    /// <summary>Starts all of it and says so.</summary>
    Task StartAsync(IDemoView view, CancellationToken stop);

    /// <summary>kill -9 in the middle of the work, and whatever it takes until all goes on. Returns what was measured, if anything.</summary>
    Task<ClusterFigures?> KillAsync(DemoMoment moment, CancellationToken stop);

    /// <summary>A stop in order. Returns what did not go as it should; null when all did.</summary>
    Task<string?> StopAsync();
}

/// <summary>One server with everything in a folder: killed, and started again where it was.</summary>
internal sealed class SingleServer(string executable, string data, TimeProvider time) : IDemoServers
{
    private readonly ServerProcess _server = new(executable, data);

    public string Bootstrap => _server.Bootstrap;

    public async Task StartAsync(IDemoView view, CancellationToken stop)
    {
        await _server.StartAsync(stop);
        view.Step($"Server started: Kafka on {_server.Bootstrap}, HTTP on 127.0.0.1:{_server.HttpPort}, data in {data}");
    }

    public async Task<ClusterFigures?> KillAsync(DemoMoment moment, CancellationToken stop)
    {
        moment.Note = "kill -9: the server is gone";
        _server.Kill();
        await Task.Delay(TimeSpan.FromMilliseconds(300), time, stop);
        moment.Note = "kill -9: the server starts again on the same ports and data";
        await _server.StartAsync(stop);
        moment.Note = "killed once and started again";
        return null;
    }

    public async Task<string?> StopAsync() => await _server.StopAsync() ? null : "the server did not stop in order on SIGTERM";

    public void Dispose() => _server.Dispose();
}

/// <summary>What the loss of a broker cost.</summary>
/// <param name="Killed">Node id of the broker that was killed.</param>
/// <param name="PartitionsLed">How many partitions it led.</param>
/// <param name="FailoverMs">From the kill until every partition was led by another broker and open there.</param>
public sealed record ClusterFigures(int Brokers, int Killed, int PartitionsLed, double FailoverMs)
{
    /// <summary>The longest that an event waited for its acknowledgement, milliseconds: what a client saw of it all.</summary>
    public double ProduceLatencyMaxMs { get; init; }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"broker {Killed} of {Brokers} was killed with {PartitionsLed} partitions: all were led and open elsewhere after "
        + $"{FailoverMs:N0} ms; "
        + $"the longest wait for an acknowledgement was {ProduceLatencyMaxMs:N0} ms");
}
