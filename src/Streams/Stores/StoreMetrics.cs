using System.Diagnostics.Metrics;

namespace PipeRoll.Streams.Stores;

/// <summary>Instruments of the object store's requests, by priority, operation and outcome.</summary>
internal sealed class StoreMetrics
{
    private static readonly StorePriority[] Priorities = Enum.GetValues<StorePriority>();
    private static readonly string[] Names = [.. Priorities.Select(p => p.ToString())];
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _bytes;
    private readonly Histogram<double> _seconds;
    private readonly Histogram<double> _waitSeconds;

    public StoreMetrics(Meter meter)
    {
        _meter = meter;
        _requests = meter.CreateCounter<long>("piperoll.store.requests", "{request}", "Requests to the object store");
        _bytes = meter.CreateCounter<long>("piperoll.store.request.bytes", "By", "Bytes of requests to the object store that were served");
        _seconds = meter.CreateHistogram<double>("piperoll.store.request.duration", "s", "One attempt of a request, without its wait for a place");
        _waitSeconds = meter.CreateHistogram<double>("piperoll.store.request.wait", "s", "Wait for a place in the request budget");
    }

    /// <summary>Publishes what is asked for at collection time.</summary>
    public void Observe(StoreBudget budget)
    {
        _meter.CreateObservableGauge("piperoll.store.queue", () => ByPriority(p => (long)budget.Load(p).Waiting), "{request}",
            "Requests that wait for a place in the request budget");
        _meter.CreateObservableGauge("piperoll.store.inflight", () => ByPriority(p => (long)budget.Load(p).Requests), "{request}",
            "Requests under way");
        _meter.CreateObservableGauge("piperoll.store.inflight.bytes", () => ByPriority(p => budget.Load(p).Bytes), "By",
            "Bytes of requests under way");
        _meter.CreateObservableGauge("piperoll.store.limit", () => (long)budget.Limit, "{request}",
            "Requests let through at the same time; less than configured while the store is overloaded");
    }

    public void Waited(StorePriority priority, TimeSpan wait) =>
        _waitSeconds.Record(wait.TotalSeconds, new KeyValuePair<string, object?>("priority", Names[(int)priority]));

    /// <param name="outcome"><c>ok</c>, <c>cancelled</c>, <c>Overloaded</c>, or another <see cref="ObjectStoreErrorKind"/> by its name.</param>
    public void Request(StorePriority priority, string operation, string outcome, TimeSpan duration, long bytes)
    {
        var tags = new System.Diagnostics.TagList
        {
            { "priority", Names[(int)priority] }, { "operation", operation }, { "outcome", outcome },
        };
        _requests.Add(1, tags);
        _seconds.Record(duration.TotalSeconds, tags);
        if (outcome == "ok")
        {
            _bytes.Add(bytes, tags);
        }
    }

    private static IEnumerable<Measurement<long>> ByPriority(Func<StorePriority, long> value) =>
        Priorities.Select(p => new Measurement<long>(value(p), new KeyValuePair<string, object?>("priority", Names[(int)p])));
}
