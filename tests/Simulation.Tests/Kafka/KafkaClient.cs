using PipeRoll.Simulation.Engine;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>Who leads a partition, as far as a client knows.</summary>
internal readonly record struct KnownLeader(int NodeId, int Epoch);

/// <summary>
/// What every client of a cluster does: asks for the metadata, remembers leaders by epoch, keeps a connection per broker,
/// and asks again when it was told wrong.
/// </summary>
/// <remarks>Owner: one producer, reader or member, in its process. Metadata that is older than what it knows is not believed (KIP-320).</remarks>
internal sealed class KafkaClient(ClientHost host, string topic)
{
    public const int RequestTimeoutMs = 5000;
    private const short MetadataVersion = 9;

    private readonly Dictionary<int, (string Host, int Port)> _nodes = [];
    private readonly Dictionary<int, KafkaConnection> _connections = [];
    private readonly Dictionary<int, KnownLeader> _leaders = [];
    private Task? _refreshing;

    public ClientHost Host => host;

    public string Topic => topic;

    public int Partitions { get; private set; }

    /// <summary>How many batches it was given by a broker of its rack.</summary>
    public long ReadNearby { get; set; }

    public KnownLeader? LeaderOf(int partition) => _leaders.TryGetValue(partition, out KnownLeader leader) ? leader : null;

    /// <summary>A broker that answers NOT_LEADER_OR_FOLLOWER may say who leads (KIP-951).</summary>
    public void Hint(int partition, int nodeId, int epoch)
    {
        if (nodeId >= 0 && _nodes.ContainsKey(nodeId))
        {
            Learn(partition, new KnownLeader(nodeId, epoch));
        }
    }

    /// <summary>An answer named a broker and its address.</summary>
    public void Know(int nodeId, string address, int port) => _nodes[nodeId] = (address, port);

    /// <summary>The connection to a broker, made now if there is none. Null when there can't be one.</summary>
    /// <param name="lane">Long polls have a lane of their own, so that nothing waits behind them.</param>
    public async Task<KafkaConnection?> ConnectAsync(int nodeId, int lane = 0)
    {
        int key = (nodeId * 4) + lane;
        if (_connections.TryGetValue(key, out KafkaConnection? open) && !open.IsBroken)
        {
            return open;
        }

        if (!_nodes.TryGetValue(nodeId, out (string Host, int Port) address))
        {
            return null;
        }

        KafkaConnection? made = await KafkaConnection.OpenAsync(host, address.Host, address.Port);
        if (made is null)
        {
            return null;
        }

        if (_connections.TryGetValue(key, out KafkaConnection? other) && !other.IsBroken)
        {
            made.Close(); // somebody else was quicker
            return other;
        }

        _connections[key] = made;
        return made;
    }

    public async Task<TResponse?> CallAsync<TRequest, TResponse>(
        int nodeId, TRequest request, short version, int lane = 0, int timeoutMs = RequestTimeoutMs)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        KafkaConnection? connection = await ConnectAsync(nodeId, lane);
        return connection is null ? null : await connection.CallAsync<TRequest, TResponse>(request, version, timeoutMs);
    }

    /// <summary>Asks any broker, until one answers.</summary>
    public async Task<TResponse> CallAnyAsync<TRequest, TResponse>(TRequest request, short version)
        where TRequest : class, IKafkaRequest, IKafkaMessage<TRequest>
        where TResponse : class, IKafkaResponse, IKafkaMessage<TResponse>
    {
        while (true)
        {
            if (_nodes.Count == 0)
            {
                await RefreshAsync();
            }

            if (_nodes.Count > 0)
            {
                int nodeId = _nodes.Keys.ElementAt(host.Random.Next(_nodes.Count));
                if (await CallAsync<TRequest, TResponse>(nodeId, request, version) is { } answer)
                {
                    return answer;
                }

                await RefreshAsync();
            }

            await host.BackOffAsync();
        }
    }

    /// <summary>Asks one broker for the metadata; what it says may be stale, or nothing at all. One asks at a time.</summary>
    public Task RefreshAsync()
    {
        if (_refreshing is null or { IsCompleted: true })
        {
            _refreshing = RefreshOnceAsync();
        }

        return _refreshing;
    }

    public void Close()
    {
        foreach (KafkaConnection connection in _connections.Values)
        {
            connection.Close();
        }
    }

    private async Task RefreshOnceAsync()
    {
        (string Host, int Port)[] candidates = [.. _nodes.Values, .. host.Bootstrap];
        (string Host, int Port) candidate = candidates[host.Random.Next(candidates.Length)];
        KeyValuePair<int, (string Host, int Port)> known = _nodes.FirstOrDefault(node => node.Value == candidate);
        KafkaConnection? connection = known.Value.Host is null
            ? await KafkaConnection.OpenAsync(host, candidate.Host, candidate.Port)
            : await ConnectAsync(known.Key);
        if (connection is null)
        {
            return;
        }

        var request = new MetadataRequest { Topics = [new() { Name = topic }], AllowAutoTopicCreation = false };
        MetadataResponse? answer =
            await connection.CallAsync<MetadataRequest, MetadataResponse>(request, MetadataVersion, RequestTimeoutMs);
        if (known.Value.Host is null)
        {
            connection.Close();
        }

        if (answer is not null)
        {
            Learn(answer);
        }
    }

    private void Learn(MetadataResponse answer)
    {
        if (answer.Brokers.Count > 0)
        {
            _nodes.Clear();
        }

        foreach (MetadataResponse.MetadataResponseBroker broker in answer.Brokers)
        {
            _nodes[broker.NodeId] = (broker.Host, broker.Port);
        }

        foreach (MetadataResponse.MetadataResponseTopic described in answer.Topics)
        {
            if (described.ErrorCode != 0)
            {
                continue;
            }

            Partitions = Math.Max(Partitions, described.Partitions.Count);
            foreach (MetadataResponse.MetadataResponsePartition partition in described.Partitions)
            {
                Learn(partition.PartitionIndex, new KnownLeader(partition.LeaderId, partition.LeaderEpoch));
            }
        }
    }

    private void Learn(int partition, KnownLeader leader)
    {
        if (!_leaders.TryGetValue(partition, out KnownLeader known) || leader.Epoch >= known.Epoch)
        {
            _leaders[partition] = leader;
        }
    }
}
