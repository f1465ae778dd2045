using PipeRoll.Broker.Handlers;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Quotas;

/// <summary>Counts what clients use against their quotas, and says for how long they are to be kept waiting (KIP-219, KIP-599).</summary>
/// <remarks>
/// Owner: the broker. Any thread; one lock, held for a few instructions. Each broker counts for itself, as in Kafka. A wait is never
/// longer than the time over which quotas are an average: what is still owed then is waited for with the next request.
/// </remarks>
internal sealed class ClientQuotas(QuotaOptions options, TimeProvider time, BrokerMetrics metrics)
{
    private const int HoldersMax = 10_000;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TokenBucket> _buckets = new(StringComparer.Ordinal);
    private readonly Dictionary<(QuotaKind Kind, string User, string ClientId), QuotaLimit?> _found = [];
    private volatile QuotaTable _table = new([]);

    /// <summary>Nobody has a quota: then nothing costs anything.</summary>
    public bool IsEmpty => _table.IsEmpty;

    public void Apply(IReadOnlyList<ConfigRecord> quotas)
    {
        lock (_gate)
        {
            _table = new QuotaTable(quotas);
            _found.Clear();
        }
    }

    /// <summary>Counts what the request has used: its client waits if that was too much.</summary>
    /// <param name="amount">Bytes, partitions, or seconds of work.</param>
    public void Charge(QuotaKind kind, RequestContext context, double amount)
    {
        if (!_table.IsEmpty)
        {
            context.Throttle(Use(kind, context, amount, isStrict: false));
        }
    }

    /// <summary>Counts partitions that are made or deleted (KIP-599).</summary>
    /// <param name="isStrict">The client knows THROTTLING_QUOTA_EXCEEDED: nothing is done while there is a debt. Else it waits afterwards.</param>
    /// <returns>False when it is not to be done.</returns>
    public bool MayChange(RequestContext context, int partitions, bool isStrict)
    {
        int throttleMs = _table.IsEmpty ? 0 : Use(QuotaKind.Mutation, context, partitions, isStrict);
        context.Throttle(throttleMs);
        return throttleMs == 0 || !isStrict;
    }

    /// <summary>The most bytes that a client is sent at once.</summary>
    public int BytesMax(RequestContext context, int bytesMax)
    {
        if (_table.IsEmpty)
        {
            return bytesMax;
        }

        lock (_gate)
        {
            return Find(QuotaKind.Consume, UserOf(context.Client), context.ClientId ?? "") is { } limit
                ? (int)Math.Clamp(limit.Value * options.BurstSeconds, 1, bytesMax)
                : bytesMax;
        }
    }

    /// <returns>For how many milliseconds the address is to wait for its connection; 0 for not at all.</returns>
    public int ChargeConnection(string address)
    {
        if (_table.IsEmpty)
        {
            return 0;
        }

        lock (_gate)
        {
            return _table.FindOfAddress(address) is { } limit ? Told(QuotaKind.Connection, Bucket(limit, limit.Value).Take(1, Now())) : 0;
        }
    }

    private static string UserOf(ClientIdentity client)
    {
        int colon = client.Principal.IndexOf(':', StringComparison.Ordinal);
        return client.Principal[(colon + 1)..];
    }

    private int Use(QuotaKind kind, RequestContext context, double amount, bool isStrict)
    {
        lock (_gate)
        {
            if (Find(kind, UserOf(context.Client), context.ClientId ?? "") is not { } limit)
            {
                return 0;
            }

            TokenBucket bucket = Bucket(limit, kind == QuotaKind.Request ? limit.Value / 100 : limit.Value);
            return Told(kind, isStrict ? bucket.TryTake(amount, Now()) : bucket.Take(amount, Now()));
        }
    }

    private int Told(QuotaKind kind, double seconds)
    {
        if (seconds <= 0)
        {
            return 0;
        }

        double longest = options.Windows * options.WindowSeconds;
        int throttleMs = (int)Math.Ceiling(Math.Min(seconds, longest) * 1000);
        metrics.Throttled(kind, throttleMs);
        return throttleMs;
    }

    private QuotaLimit? Find(QuotaKind kind, string user, string clientId)
    {
        if (!_found.TryGetValue((kind, user, clientId), out QuotaLimit? limit))
        {
            if (_found.Count >= HoldersMax)
            {
                _found.Clear();
            }

            limit = _table.Find(kind, user, clientId);
            _found.Add((kind, user, clientId), limit);
        }

        return limit;
    }

    private TokenBucket Bucket(in QuotaLimit limit, double perSecond)
    {
        double burst = perSecond * options.BurstSeconds;
        double now = Now();
        if (!_buckets.TryGetValue(limit.Holder, out TokenBucket? bucket))
        {
            if (_buckets.Count >= HoldersMax)
            {
                // Whoever has nothing to pay back is as good as new.
                foreach (string idle in _buckets.Where(held => held.Value.IsFull(now)).Select(static held => held.Key).ToArray())
                {
                    _buckets.Remove(idle);
                }
            }

            bucket = new TokenBucket(perSecond, burst, now);
            _buckets.Add(limit.Holder, bucket);
        }
        else if (bucket.PerSecond != perSecond)
        {
            bucket.Change(perSecond, burst, now);
        }

        return bucket;
    }

    private double Now() => time.GetTimestamp() / (double)time.TimestampFrequency;
}
