using System.Diagnostics.Metrics;

namespace PipeRoll.Broker.Cluster;

/// <summary>What a member of a cluster measures, under the meter <c>PipeRoll.Cluster</c>.</summary>
/// <remarks>Owner: the <see cref="ClusterMember"/>; any thread records.</remarks>
public sealed class ClusterMetrics : IDisposable
{
    public const string MeterName = "PipeRoll.Cluster";

    private readonly Meter _meter = new(MeterName);
    private readonly Counter<long> _heartbeats;
    private readonly Histogram<double> _heartbeatSeconds;
    private readonly Counter<long> _fenced;
    private readonly Counter<long> _terms;
    private readonly Counter<long> _deaths;
    private readonly Counter<long> _placed;
    private readonly Counter<long> _recoveries;
    private readonly Histogram<double> _recoverySeconds;
    private readonly Counter<long> _moves;
    private readonly Histogram<double> _moveSeconds;
    private readonly Counter<long> _balanceMoves;
    private long _logSeen;
    private long _logApplied;

    public ClusterMetrics()
    {
        _heartbeats = _meter.CreateCounter<long>("piperoll.cluster.heartbeats", "{heartbeat}", "Heartbeats, by outcome.");
        _heartbeatSeconds = _meter.CreateHistogram<double>("piperoll.cluster.heartbeat.duration", "s", "How long the database took to answer.");
        _fenced = _meter.CreateCounter<long>("piperoll.cluster.fenced", "{life}", "Times that this broker was declared dead.");
        _terms = _meter.CreateCounter<long>("piperoll.cluster.terms", "{term}", "Times that this broker became controller.");
        _deaths = _meter.CreateCounter<long>("piperoll.cluster.deaths", "{broker}", "Brokers that this controller declared dead.");
        _placed = _meter.CreateCounter<long>("piperoll.cluster.placed", "{partition}", "Partitions without an owner that this controller placed.");
        _recoveries = _meter.CreateCounter<long>("piperoll.cluster.recoveries", "{log}", "Logs of dead brokers that this broker recovered.");
        _recoverySeconds = _meter.CreateHistogram<double>("piperoll.cluster.recovery.duration", "s", "From the assignment to the end of a recovery.");
        _moves = _meter.CreateCounter<long>("piperoll.cluster.moves", "{partition}", "Partitions that this broker handed over.");
        _moveSeconds = _meter.CreateHistogram<double>("piperoll.cluster.move.duration", "s", "From sealing a batch of partitions to their new owners.");
        _balanceMoves = _meter.CreateCounter<long>("piperoll.cluster.balance.moves", "{partition}", "Moves that the balancer asked for.");
        _meter.CreateObservableGauge("piperoll.cluster.image.lag", () => ImageLag, "{entry}", "Entries of the metadata log not yet in the image.");
    }

    /// <summary>Entries of the metadata log that are known to exist and are not in the image yet.</summary>
    internal long ImageLag => Math.Max(0, Volatile.Read(ref _logSeen) - Volatile.Read(ref _logApplied));

    public void Dispose() => _meter.Dispose();

    /// <summary>Whether the instrument is one of this member's, where several are measured in one process.</summary>
    internal bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, _meter);

    /// <summary>Lets gauges be read from where the state is.</summary>
    internal void Watch(Func<int> leaderless, Func<int> owned, Func<int> recoveries, Func<double> awaySeconds, Func<int> isController)
    {
        _meter.CreateObservableGauge("piperoll.cluster.partitions.leaderless", leaderless, "{partition}", "Partitions without a serving owner.");
        _meter.CreateObservableGauge("piperoll.cluster.partitions.owned", owned, "{partition}", "Partitions that this broker owns.");
        _meter.CreateObservableGauge("piperoll.cluster.recoveries.open", recoveries, "{log}", "Logs of dead brokers not yet recovered.");
        _meter.CreateObservableGauge("piperoll.cluster.metadata.away", awaySeconds, "s", "How long the database has not answered; 0 while it does.");
        _meter.CreateObservableGauge("piperoll.cluster.controller", isController, "{broker}", "1 on the controller.");
    }

    internal void Heartbeat(string outcome, TimeSpan took)
    {
        _heartbeats.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
        _heartbeatSeconds.Record(took.TotalSeconds);
    }

    internal void Fenced() => _fenced.Add(1);

    internal void TermBegun() => _terms.Add(1);

    internal void Died(int brokers) => _deaths.Add(brokers);

    internal void Placed(int partitions) => _placed.Add(partitions);

    internal void Recovered(TimeSpan took)
    {
        _recoveries.Add(1);
        _recoverySeconds.Record(took.TotalSeconds);
    }

    internal void HandedOver(int partitions, TimeSpan took)
    {
        _moves.Add(partitions);
        _moveSeconds.Record(took.TotalSeconds);
    }

    internal void BalanceMoves(int moves) => _balanceMoves.Add(moves);

    internal void LogSeen(long sequence) => Raise(ref _logSeen, sequence);

    internal void LogApplied(long sequence) => Raise(ref _logApplied, sequence);

    private static void Raise(ref long value, long to)
    {
        for (long now = Volatile.Read(ref value); now < to;)
        {
            long seen = Interlocked.CompareExchange(ref value, to, now);
            if (seen == now)
            {
                return;
            }

            now = seen;
        }
    }
}
