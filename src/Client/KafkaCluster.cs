using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>What a connection is for: those that wait long in the broker hold up nobody else.</summary>
internal enum LinkUse
{
    Metadata,
    Group,
    Fetch,
    Write,
}

/// <summary>The cluster as a client sees it: its brokers, who leads and coordinates what, and connections to them.</summary>
/// <remarks>Owner: its creator. Any thread. Failure: <see cref="ClientException"/>; what is remembered is learnt anew.</remarks>
/// <param name="onTrouble">Is told what does not pass by itself at once, now and then while it lasts; from any thread.</param>
public sealed class KafkaCluster(ClientSettings settings, Action<string>? onTrouble = null) : IAsyncDisposable
{
    internal const sbyte GroupKey = 0;
    internal const sbyte TransactionKey = 1;
    private const int BackoffMsMax = 500;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Host, int Port, LinkUse Use), BrokerLink> _links = [];
    private readonly Dictionary<int, (string Host, int Port)> _brokers = [];
    private readonly Dictionary<PartitionId, int> _leaders = [];
    private readonly Dictionary<(sbyte Type, string Key), (string Host, int Port)> _coordinators = [];
    private readonly Dictionary<string, int> _partitions = [];

    /// <summary>How long an answer to an ordinary request is waited for.</summary>
    internal static TimeSpan CallTimeout { get; } = TimeSpan.FromSeconds(10);

    public async ValueTask DisposeAsync()
    {
        BrokerLink[] links;
        lock (_gate)
        {
            links = [.. _links.Values];
            _links.Clear();
        }

        foreach (BrokerLink link in links)
        {
            await link.DisposeAsync();
        }

        _turn.Dispose();
    }

    /// <summary>How many partitions a topic has; 0 if there is none of that name.</summary>
    internal async Task<int> PartitionsAsync(string topic, CancellationToken cancellation)
    {
        await RefreshAsync(topic, cancellation);
        lock (_gate)
        {
            return _partitions.GetValueOrDefault(topic);
        }
    }

    /// <summary>The node that leads a partition.</summary>
    internal async Task<int> LeaderAsync(PartitionId partition, CancellationToken cancellation)
    {
        if (TryGetLeader(partition) is { } known)
        {
            return known;
        }

        await RefreshAsync(partition.Topic, cancellation);
        return TryGetLeader(partition) ?? throw new ClientException($"{partition} has no leader at the moment, or does not exist", isRetriable: true);
    }

    /// <summary>A broker has said, or shown, that it is not what it was taken for.</summary>
    internal void ForgetLeader(PartitionId partition)
    {
        lock (_gate)
        {
            _leaders.Remove(partition);
        }
    }

    internal void ForgetCoordinator(sbyte type, string key)
    {
        lock (_gate)
        {
            _coordinators.Remove((type, key));
        }
    }

    internal Task<BrokerLink> LinkAsync(int node, LinkUse use, CancellationToken cancellation)
    {
        (string Host, int Port) address;
        lock (_gate)
        {
            if (!_brokers.TryGetValue(node, out address))
            {
                throw new ClientException($"broker {node} is not in the cluster at the moment", isRetriable: true);
            }
        }

        return LinkAsync(address, use, cancellation);
    }

    /// <summary>A connection to whoever coordinates a group or the transactions of an id.</summary>
    internal async Task<BrokerLink> CoordinatorAsync(sbyte type, string key, LinkUse use, CancellationToken cancellation)
    {
        (string Host, int Port) address;
        bool isKnown;
        lock (_gate)
        {
            isKnown = _coordinators.TryGetValue((type, key), out address);
        }

        if (!isKnown)
        {
            address = await FindCoordinatorAsync(type, key, cancellation);
            lock (_gate)
            {
                _coordinators[(type, key)] = address;
            }
        }

        try
        {
            return await LinkAsync(address, use, cancellation);
        }
        catch (ClientException)
        {
            ForgetCoordinator(type, key);
            throw;
        }
    }

    /// <summary>Repeats what may pass by itself, with growing pauses, until a moment.</summary>
    /// <param name="giveUpAt">By <see cref="Environment.TickCount64"/>.</param>
    internal async Task<T> RetryAsync<T>(Func<Task<T>> attempt, long giveUpAt, CancellationToken cancellation)
    {
        for (int tries = 1; ; tries++)
        {
            try
            {
                return await attempt();
            }
            catch (ClientException error) when (error.IsRetriable && Environment.TickCount64 < giveUpAt)
            {
                await PauseAsync(tries, error, cancellation);
            }
        }
    }

    /// <summary>Waits before the next try; somebody should hear of what is tried in vain again and again.</summary>
    internal Task PauseAsync(int tries, ClientException error, CancellationToken cancellation)
    {
        if (tries == 5 || tries % 20 == 0)
        {
            onTrouble?.Invoke($"{error.Message}; tried {tries} times, and again");
        }

        return Task.Delay(BackoffMs(tries, error.Error), cancellation);
    }

    /// <summary>Transactions that have just ended are waited for in shorter steps: their marks are on the way.</summary>
    private static int BackoffMs(int tries, KafkaError error) =>
        Math.Min(BackoffMsMax, (error == KafkaError.ConcurrentTransactions ? 1 : 10) << Math.Min(tries, 8));

    private int? TryGetLeader(PartitionId partition)
    {
        lock (_gate)
        {
            return _leaders.TryGetValue(partition, out int leader) && _brokers.ContainsKey(leader) ? leader : null;
        }
    }

    private async Task RefreshAsync(string topic, CancellationToken cancellation)
    {
        BrokerLink link = await AnyAsync(cancellation);
        var request = new MetadataRequest { Topics = [new MetadataRequest.MetadataRequestTopic { Name = topic }], AllowAutoTopicCreation = false };
        MetadataResponse answer = await link.CallAsync<MetadataRequest, MetadataResponse>(
            request, link.Version(ApiKey.Metadata, 9), CallTimeout, cancellation);
        lock (_gate)
        {
            _brokers.Clear();
            foreach (MetadataResponse.MetadataResponseBroker broker in answer.Brokers)
            {
                _brokers[broker.NodeId] = (broker.Host, broker.Port);
            }

            foreach (MetadataResponse.MetadataResponseTopic each in answer.Topics)
            {
                string name = each.Name ?? topic;
                _partitions[name] = each.Partitions.Count;
                foreach (MetadataResponse.MetadataResponsePartition partition in each.Partitions)
                {
                    _leaders.Remove(new PartitionId(name, partition.PartitionIndex));
                    if (partition.LeaderId >= 0)
                    {
                        _leaders[new PartitionId(name, partition.PartitionIndex)] = partition.LeaderId;
                    }
                }
            }
        }

        foreach (MetadataResponse.MetadataResponseTopic each in answer.Topics)
        {
            ClientException.ThrowOn(each.ErrorCode, $"topic {each.Name ?? topic}");
        }
    }

    private async Task<(string Host, int Port)> FindCoordinatorAsync(sbyte type, string key, CancellationToken cancellation)
    {
        BrokerLink link = await AnyAsync(cancellation);
        short version = link.Version(ApiKey.FindCoordinator, 4);
        var request = new FindCoordinatorRequest { Key = key, KeyType = type, CoordinatorKeys = [key] };
        FindCoordinatorResponse answer = await link.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(request, version, CallTimeout, cancellation);
        string what = $"the coordinator of {key}";
        if (version < 4)
        {
            ClientException.ThrowOn(answer.ErrorCode, what);
            return (answer.Host, answer.Port);
        }

        FindCoordinatorResponse.Coordinator found = answer.Coordinators.FirstOrDefault()
            ?? throw new ClientException($"{what} was not named", isRetriable: true);
        ClientException.ThrowOn(found.ErrorCode, what);
        return (found.Host, found.Port);
    }

    /// <summary>Whichever broker answers: one that is known, or one of those to begin with.</summary>
    private async Task<BrokerLink> AnyAsync(CancellationToken cancellation)
    {
        (string Host, int Port)[] addresses;
        lock (_gate)
        {
            BrokerLink? open = _links.FirstOrDefault(static each => each.Key.Use == LinkUse.Metadata && each.Value.IsUsable).Value;
            if (open is not null)
            {
                return open;
            }

            addresses = [.. _brokers.Values.Concat(settings.Addresses).Distinct()];
        }

        ClientException? last = null;
        foreach ((string Host, int Port) address in addresses)
        {
            try
            {
                return await LinkAsync(address, LinkUse.Metadata, cancellation);
            }
            catch (ClientException error) when (error.IsRetriable)
            {
                last = error;
            }
        }

        throw last ?? new ClientException("there is no address to begin with", isRetriable: false);
    }

    private async Task<BrokerLink> LinkAsync((string Host, int Port) address, LinkUse use, CancellationToken cancellation)
    {
        if (Open(address, use) is { } open)
        {
            return open;
        }

        await _turn.WaitAsync(cancellation);
        try
        {
            if (Open(address, use) is { } meanwhile)
            {
                return meanwhile;
            }

            BrokerLink made = await BrokerLink.OpenAsync(address.Host, address.Port, settings, ConnectTimeout, cancellation);
            lock (_gate)
            {
                // One that is only too old still answers what it was asked; it ends with its session, or with its socket.
                _links[(address.Host, address.Port, use)] = made;
            }

            return made;
        }
        finally
        {
            _turn.Release();
        }
    }

    private BrokerLink? Open((string Host, int Port) address, LinkUse use)
    {
        lock (_gate)
        {
            return _links.TryGetValue((address.Host, address.Port, use), out BrokerLink? link) && link.IsUsable ? link : null;
        }
    }
}
