using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Client;

/// <summary>
/// Reads partitions of a topic ahead of its owner, committed records only (KIP-98), in order for each partition, within a bound of memory.
/// </summary>
/// <remarks>
/// Owner: its creator; <see cref="TryTake"/> from one thread. It follows leaders as they move. Failure: what does not pass by itself (an offset that
/// the log no longer has, a right that is missing) is thrown by <see cref="TryTake"/>.
/// </remarks>
public sealed class Fetcher(KafkaCluster cluster, string topic) : IAsyncDisposable
{
    private const int WaitMs = 250;
    private const int PartitionBytes = 2 * 1024 * 1024;
    private const int ResponseBytes = 8 * 1024 * 1024;
    private const long AheadBytesMax = 32 * 1024 * 1024;
    private readonly FetchedQueue _fetched = new();
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private volatile Exception? _failure;
    private long _aheadBytes;

    /// <summary>Begins anew with these partitions, each from an offset; what was read ahead of others is thrown away.</summary>
    public async Task AssignAsync(IReadOnlyDictionary<int, long> from)
    {
        await ClearAsync();
        _running = RunAsync(new Dictionary<int, long>(from), _stop.Token);
    }

    /// <summary>Reads nothing any more.</summary>
    public async Task ClearAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _stop = new CancellationTokenSource();
        while (_fetched.TryTake(0) is { } left)
        {
            left.Dispose();
        }

        _failure = null;
    }

    /// <summary>Whether something was read that was not taken yet.</summary>
    public bool HasMore => _fetched.Count > 0;

    /// <summary>What was read next; null if there was nothing for so long.</summary>
    public FetchedRecords? TryTake(int waitMs)
    {
        if (_failure is { } failure)
        {
            throw failure;
        }

        return _fetched.TryTake(waitMs);
    }

    public async ValueTask DisposeAsync()
    {
        await ClearAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(Dictionary<int, long> positions, CancellationToken stop)
    {
        try
        {
            for (int tries = 0; !stop.IsCancellationRequested && positions.Count > 0;)
            {
                try
                {
                    await FetchFromLeadersAsync(positions, stop);
                    tries = 0;
                }
                catch (ClientException error) when (error.IsRetriable)
                {
                    foreach (int partition in positions.Keys)
                    {
                        cluster.ForgetLeader(new PartitionId(topic, partition));
                    }

                    await cluster.PauseAsync(++tries, error, stop);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // As asked.
        }
        catch (Exception error)
        {
            _failure = error;
        }
    }

    /// <summary>One loop for each leader; ends, with what ended it, as soon as one of them does.</summary>
    private async Task FetchFromLeadersAsync(Dictionary<int, long> positions, CancellationToken stop)
    {
        Dictionary<int, List<int>> byLeader = [];
        foreach (int partition in positions.Keys)
        {
            int leader = await cluster.LeaderAsync(new PartitionId(topic, partition), stop);
            (byLeader.TryGetValue(leader, out List<int>? led) ? led : byLeader[leader] = []).Add(partition);
        }

        using var round = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] loops = [.. byLeader.Select(each => LoopAsync(each.Key, each.Value, positions, round.Token))];
        Task first = await Task.WhenAny(loops);
        await round.CancelAsync();
        await Task.WhenAll(loops).ContinueWith(static _ => { }, TaskScheduler.Default);
        await first;
    }

    private async Task LoopAsync(int leader, List<int> partitions, Dictionary<int, long> positions, CancellationToken stop)
    {
        for (int turn = 0; ; turn++)
        {
            while (Interlocked.Read(ref _aheadBytes) >= AheadBytesMax)
            {
                await Task.Delay(2, stop);
            }

            BrokerLink link = await cluster.LinkAsync(leader, LinkUse.Fetch, stop);
            var request = new FetchRequest { MaxWaitMs = WaitMs, MinBytes = 1, MaxBytes = ResponseBytes, IsolationLevel = 1, SessionEpoch = -1 };
            var wanted = new FetchRequest.FetchTopic { Topic = topic };
            lock (positions)
            {
                // Whoever is named first is served first.
                wanted.Partitions.AddRange(Enumerable.Range(0, partitions.Count).Select(index => partitions[(index + turn) % partitions.Count])
                    .Select(partition => new FetchRequest.FetchPartition
                    {
                        Partition = partition,
                        FetchOffset = positions[partition],
                        PartitionMaxBytes = PartitionBytes,
                    }));
            }

            request.Topics.Add(wanted);
            Leased<FetchResponse> answer = await link.CallLeasedAsync<FetchRequest, FetchResponse>(
                request, link.Version(ApiKey.Fetch, 12), KafkaCluster.CallTimeout, stop);
            Take(answer, positions);
        }
    }

    private void Take(Leased<FetchResponse> answer, Dictionary<int, long> positions)
    {
        using var lease = new SharedLease(answer);
        ClientException.ThrowOn(answer.Response.ErrorCode, "fetch");
        foreach (FetchResponse.PartitionData data in answer.Response.Responses.SelectMany(static each => each.Partitions))
        {
            ClientException.ThrowOn(data.ErrorCode, $"{topic}/{data.PartitionIndex} can't be read");
            if (data.Records is not { Length: > 0 } records)
            {
                continue;
            }

            lock (positions)
            {
                var fetched = new FetchedRecords(
                    new PartitionId(topic, data.PartitionIndex), positions[data.PartitionIndex], data, records.Segment(0), lease.Share(),
                    done => Interlocked.Add(ref _aheadBytes, -done.Bytes));
                positions[data.PartitionIndex] = fetched.NextOffset;
                Interlocked.Add(ref _aheadBytes, fetched.Bytes);
                _fetched.Add(fetched);
            }
        }
    }

    /// <summary>The buffer of a response goes back when the last partition in it was used.</summary>
    private sealed class SharedLease(IDisposable buffer) : IDisposable
    {
        private int _users = 1;

        public SharedLease Share()
        {
            Interlocked.Increment(ref _users);
            return this;
        }

        public void Dispose()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                buffer.Dispose();
            }
        }
    }
}
