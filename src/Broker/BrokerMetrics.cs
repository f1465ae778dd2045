using System.Diagnostics.Metrics;
using PipeRoll.Broker.Quotas;
using PipeRoll.Wire;

namespace PipeRoll.Broker;

/// <summary>Everything the broker measures, under the meter <c>PipeRoll.Broker</c>.</summary>
/// <remarks>Owner: the broker; any thread records.</remarks>
public sealed class BrokerMetrics : IDisposable
{
    public const string MeterName = "PipeRoll.Broker";

    private readonly Meter _meter = new(MeterName);
    private readonly TimeProvider _time;
    private readonly Counter<long> _requests;
    private readonly Histogram<double> _latency;
    private readonly Counter<long> _bytesIn;
    private readonly Counter<long> _bytesOut;
    private readonly Counter<long> _connectionsRefused;
    private readonly Counter<long> _produced;
    private readonly Counter<long> _producedBytes;
    private readonly Counter<long> _confirmed;
    private readonly Counter<long> _fetched;
    private readonly Counter<long> _fetchedBytes;
    private readonly Counter<long> _nearbyRead;
    private readonly Counter<long> _nearbyServed;
    private readonly Counter<long> _handOvers;
    private readonly Counter<long> _stepDowns;
    private readonly Counter<long> _notLeader;
    private readonly Histogram<double> _opens;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _telemetry;
    private readonly Counter<long> _telemetryBytes;
    private readonly Counter<long> _telemetryPoints;
    private readonly Histogram<double> _throttles;
    private readonly Counter<long> _denied;
    private readonly Counter<long> _unauthenticated;
    private readonly KeyValuePair<string, object?>[] _apiTags = new KeyValuePair<string, object?>[256];
    private readonly KeyValuePair<string, object?>[] _versionTags =
        [.. Enumerable.Range(0, 64).Select(static version => new KeyValuePair<string, object?>("version", version))];
    private readonly ErrorCounter?[] _errorCounters = new ErrorCounter?[256];

    public BrokerMetrics(TimeProvider time)
    {
        _time = time;
        _requests = _meter.CreateCounter<long>("piperoll.broker.requests", "{request}", "Requests read, by API and version.");
        _errors = _meter.CreateCounter<long>("piperoll.broker.errors", "{error}", "Error codes in responses, by API and error.");
        _throttles = _meter.CreateHistogram<double>(
            "piperoll.broker.quota.throttle.duration", "s", "For how long clients were kept waiting by quotas, by quota.");
        _telemetry = _meter.CreateCounter<long>("piperoll.broker.telemetry.pushes", "{push}", "Pushes of clients' own metrics, by client software.");
        _telemetryBytes = _meter.CreateCounter<long>("piperoll.broker.telemetry.bytes", "By", "Bytes of clients' own metrics, decompressed.");
        _telemetryPoints = _meter.CreateCounter<long>("piperoll.broker.telemetry.points", "{point}", "Data points in clients' own metrics.");
        _latency = _meter.CreateHistogram<double>(
            "piperoll.broker.request.duration", "s", "From a request's last byte to its response's last byte, by API.");
        _bytesIn = _meter.CreateCounter<long>("piperoll.broker.bytes.in", "By", "Bytes read from clients.");
        _bytesOut = _meter.CreateCounter<long>("piperoll.broker.bytes.out", "By", "Bytes written to clients.");
        _connectionsRefused = _meter.CreateCounter<long>(
            "piperoll.broker.connections.refused", "{connection}", "Connections closed because too many were open.");
        _produced = _meter.CreateCounter<long>("piperoll.broker.produce.records", "{record}", "Records acknowledged to producers.");
        _producedBytes = _meter.CreateCounter<long>("piperoll.broker.produce.bytes", "By", "Bytes of batches acknowledged to producers.");
        _confirmed = _meter.CreateCounter<long>("piperoll.broker.confirmed.records", "{record}", "Records that became durable.");
        _fetched = _meter.CreateCounter<long>("piperoll.broker.fetch.records", "{record}", "Records sent to consumers, counted by offsets.");
        _fetchedBytes = _meter.CreateCounter<long>("piperoll.broker.fetch.bytes", "By", "Bytes of batches sent to consumers.");
        _nearbyRead = _meter.CreateCounter<long>(
            "piperoll.broker.nearby.read.bytes", "By", "Bytes of batches read from leaders for consumers of this broker's rack.");
        _nearbyServed = _meter.CreateCounter<long>(
            "piperoll.broker.nearby.served.bytes", "By", "Bytes of batches that others lead, sent to consumers of this broker's rack.");
        _handOvers = _meter.CreateCounter<long>(
            "piperoll.broker.partition.handovers", "{partition}", "Partitions sealed here and led by another broker since.");
        _stepDowns = _meter.CreateCounter<long>(
            "piperoll.broker.partition.stepdowns", "{partition}", "Partitions that this broker ceased to lead, for whatever reason.");
        _notLeader = _meter.CreateCounter<long>(
            "piperoll.broker.partition.notleader", "{answer}", "Produces and fetches answered with NOT_LEADER_OR_FOLLOWER, by partition.");
        _opens = _meter.CreateHistogram<double>(
            "piperoll.broker.partition.open.duration", "s", "From the order to open a partition until it serves, tries included.");
        _denied = _meter.CreateCounter<long>("piperoll.broker.access.denied", "{request}", "Questions to the authoriser answered with no.");
        _unauthenticated = _meter.CreateCounter<long>(
            "piperoll.broker.authentication.failed", "{attempt}", "Authentications that failed, and requests without one.");
        foreach (ApiKey api in Enum.GetValues<ApiKey>())
        {
            _apiTags[(byte)api] = new("api", api.ToString());
            _errorCounters[(byte)api] = new ErrorCounter(_errors, _apiTags[(byte)api]);
        }
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Whether the instrument is one of this broker's, where several brokers are measured in one process.</summary>
    internal bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, _meter);

    /// <summary>Lets gauges be read from where the state is.</summary>
    internal void Watch(Func<int> connections, Func<long> requestBytes, Func<long> fetchBytes, Func<int> partitionsFailed)
    {
        _meter.CreateObservableGauge("piperoll.broker.connections", connections, "{connection}", "Connections open.");
        _meter.CreateObservableGauge("piperoll.broker.requests.inflight.bytes", requestBytes, "By", "Bytes of requests not yet answered.");
        _meter.CreateObservableGauge("piperoll.broker.fetch.inflight.bytes", fetchBytes, "By", "Bytes of records read and not yet sent.");
        _meter.CreateObservableGauge(
            "piperoll.broker.partitions.failed", partitionsFailed, "{partition}", "Partitions that cannot be opened.");
    }

    internal void Received(ApiKey api, short version) => _requests.Add(1, _apiTags[(byte)api], _versionTags[version & 63]);

    internal void CountErrors(ApiKey api, IKafkaResponse response) => response.CountErrors(_errorCounters[(byte)api]!);

    internal void Throttled(QuotaKind kind, int throttleMs) =>
        _throttles.Record(throttleMs / 1000.0, new KeyValuePair<string, object?>("quota", QuotaKey.NameOf(kind)));

    internal void TelemetryPushed(string software, long bytes, long points)
    {
        _telemetry.Add(1, new KeyValuePair<string, object?>("software", software));
        _telemetryBytes.Add(bytes);
        _telemetryPoints.Add(points);
    }

    internal void Answered(ApiKey api, long startedAt)
    {
        _latency.Record(_time.GetElapsedTime(startedAt).TotalSeconds, _apiTags[(byte)api]);
    }

    internal void BytesIn(int bytes) => _bytesIn.Add(bytes);

    internal void BytesOut(int bytes) => _bytesOut.Add(bytes);

    internal void ConnectionRefused() => _connectionsRefused.Add(1);

    internal void Produced(long records, long bytes)
    {
        _produced.Add(records);
        _producedBytes.Add(bytes);
    }

    internal void Confirmed(int records) => _confirmed.Add(records);

    internal void NearbyRead(long bytes) => _nearbyRead.Add(bytes);

    internal void NearbyServed(long bytes) => _nearbyServed.Add(bytes);

    internal void Fetched(long records, int bytes)
    {
        _fetched.Add(records);
        _fetchedBytes.Add(bytes);
    }

    internal void HandedOver() => _handOvers.Add(1);

    internal void SteppedDown() => _stepDowns.Add(1);

    internal void NotLeader() => _notLeader.Add(1);

    internal void AccessDenied() => _denied.Add(1);

    internal void AuthenticationFailed() => _unauthenticated.Add(1);

    internal void Opened(long startedAt) => _opens.Record(_time.GetElapsedTime(startedAt).TotalSeconds);

    /// <summary>Counts the errors of one API.</summary>
    private sealed class ErrorCounter(Counter<long> counter, KeyValuePair<string, object?> api) : IErrorCounter
    {
        public void Count(short error) => counter.Add(1, api, new KeyValuePair<string, object?>("error", ((KafkaError)error).ToString()));
    }
}
