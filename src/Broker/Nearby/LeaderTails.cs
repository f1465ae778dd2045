using PipeRoll.Broker.Cluster;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Nearby;

/// <summary>
/// Asks leaders for what comes next: one long poll per leader and isolation level, for all partitions whose readers here are at the end.
/// </summary>
/// <remarks>
/// Owner: <see cref="NearbyReads"/>. Any thread may have a log followed. A log is let go when nobody reads it, when another broker leads it, or
/// when its leader fails; its readers then load from whoever leads it, and so have it followed again.
/// </remarks>
internal sealed class LeaderTails : IAsyncDisposable
{
    /// <summary>The first that names topics by id.</summary>
    public const short FetchVersion = 13;

    // A log that joins waits for the end of the poll that is under way.
    private const int PollMs = 250;
    private const int PollBytes = 8 * 1024 * 1024;
    private const int PartitionBytes = 1024 * 1024;
    private const sbyte ReadCommitted = 1;

    private readonly NearbyServices _services;
    private readonly Lock _gate = new();
    private readonly Dictionary<(int Leader, bool OnlyCommitted), HashSet<NearbyLog>> _followed = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly BackgroundTasks _loops = new();
    private readonly Peers _ofAll;
    private readonly Peers _ofCommitted;

    public LeaderTails(NearbyServices services)
    {
        _services = services;
        _ofAll = services.NewPeers();
        _ofCommitted = services.NewPeers();
    }

    public static FetchRequest Request(int self, IReadOnlyList<(NearbyLog Log, long Offset)> logs, int waitMs, int bytesMax) => new()
    {
        // Known as a broker, which needs the right to act for the cluster and not that to read, and has no quota.
        ReplicaId = self,
        MaxWaitMs = waitMs,
        MinBytes = 1,
        MaxBytes = bytesMax,
        IsolationLevel = logs[0].Log.OnlyCommitted ? ReadCommitted : (sbyte)0,
        SessionEpoch = -1,
        RackId = "",
        ForgottenTopicsData = [],
        Topics =
        [
            .. logs.GroupBy(static each => each.Log.Partition.Identity.TopicId).Select(static topic => new FetchRequest.FetchTopic
            {
                TopicId = topic.Key,
                Partitions =
                [
                    .. topic.Select(static each => new FetchRequest.FetchPartition
                    {
                        Partition = each.Log.Partition.Identity.Index,
                        FetchOffset = each.Offset,
                        PartitionMaxBytes = PartitionBytes,
                    }),
                ],
            }),
        ],
    };

    public void Follow(NearbyLog log)
    {
        int leader = LeaderOf(log);
        lock (_gate)
        {
            if (leader < 0 || leader == _services.Cluster.NodeId || _stopping.IsCancellationRequested)
            {
                // Nobody would bring what is waited for.
                log.Fail();
                return;
            }

            if (_followed.TryGetValue((leader, log.OnlyCommitted), out HashSet<NearbyLog>? logs))
            {
                logs.Add(log);
                return;
            }

            _followed.Add((leader, log.OnlyCommitted), [log]);
        }

        _loops.Start(() => FollowAsync(leader, log.OnlyCommitted));
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stopping.Cancel();
        }

        await _ofAll.DisposeAsync();
        await _ofCommitted.DisposeAsync();
        await _loops.WhenAllAsync();
        _stopping.Dispose();
    }

    private int LeaderOf(NearbyLog log) => _services.Cluster.LeaderOf(log.Partition.Identity.Stream).NodeId;

    private long NowMs() => (long)_services.Time.GetElapsedTime(0).TotalMilliseconds;

    private async Task FollowAsync(int leader, bool onlyCommitted)
    {
        while (Wanted(leader, onlyCommitted) is { Count: > 0 } logs)
        {
            try
            {
                FetchResponse response = await (onlyCommitted ? _ofCommitted : _ofAll).CallAsync<FetchRequest, FetchResponse>(
                    leader, Request(_services.Cluster.NodeId, logs, PollMs, PollBytes), FetchVersion, _stopping.Token);
                Take(logs, response);
            }
            catch (Exception error) when (error is PeerUnavailableException or OperationCanceledException or WireFormatException)
            {
                foreach ((NearbyLog log, _) in logs)
                {
                    log.Fail();
                }
            }
        }
    }

    /// <summary>What to ask for next; when there is nothing, the loop ends, and the next log begins another.</summary>
    private List<(NearbyLog Log, long Offset)> Wanted(int leader, bool onlyCommitted)
    {
        long idleSince = NowMs() - NearbyReads.IdleMs;
        List<NearbyLog> left = [];
        List<(NearbyLog Log, long Offset)> wanted = [];
        lock (_gate)
        {
            HashSet<NearbyLog> logs = _followed[(leader, onlyCommitted)];
            left.AddRange(logs.Where(log => log.Tail < 0 || log.TouchedAt < idleSince || LeaderOf(log) != leader));
            logs.ExceptWith(left);
            wanted.AddRange(logs.Select(static log => (log, log.Tail)).Where(static each => each.Tail >= 0));
            if (wanted.Count == 0 || _stopping.IsCancellationRequested)
            {
                _followed.Remove((leader, onlyCommitted));
                left.AddRange(logs);
                wanted.Clear();
            }
        }

        foreach (NearbyLog log in left)
        {
            log.Fail();
        }

        return wanted;
    }

    private void Take(List<(NearbyLog Log, long Offset)> asked, FetchResponse response)
    {
        Dictionary<(Guid TopicId, int Partition), FetchResponse.PartitionData> answers = response.Responses
            .SelectMany(static topic => topic.Partitions.Select(partition => (topic.TopicId, Partition: partition)))
            .ToDictionary(static each => (each.TopicId, each.Partition.PartitionIndex), static each => each.Partition);
        long now = NowMs();
        foreach ((NearbyLog log, long offset) in asked)
        {
            if (!answers.TryGetValue((log.Partition.Identity.TopicId, log.Partition.Identity.Index), out FetchResponse.PartitionData? answer))
            {
                log.Fail();
                continue;
            }

            _services.Metrics.NearbyRead(answer.Records?.Length ?? 0);
            log.Take(offset, NearbyAnswer.Of(answer, offset), now);
        }
    }
}
