using PipeRoll.Broker.Cluster;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>What became of the partitions of all brokers, and what may never happen to them.</summary>
internal sealed class PartitionLedger
{
    private readonly Dictionary<(StreamId Stream, long Epoch), int> _leaders = [];

    /// <summary>Every epoch of a stream has one writer.</summary>
    public void Led(StreamId stream, long epoch, int node)
    {
        if (!_leaders.TryAdd((stream, epoch), node) && _leaders[(stream, epoch)] != node)
        {
            throw new InvalidOperationException($"stream {stream} was led under epoch {epoch} by nodes {_leaders[(stream, epoch)]} and {node}");
        }
    }
}

/// <summary>Partitions that open, seal and are let go of, without any records.</summary>
internal sealed class FakePartitionHost(int node, SimulatedProcess process, PartitionLedger ledger) : IPartitionHost, ITopicHost
{
    private readonly Dictionary<StreamId, (long Epoch, bool Open, bool Sealed)> _led = [];

    public int OpenMs { get; set; } = 20;

    public int SealMs { get; set; } = 60;

    public List<string> Topics { get; } = [];

    public List<StreamId> ReleasedStreams { get; } = [];

    public List<StreamId> ResumedStreams { get; } = [];

    public List<PartitionLoad> Loads { get; } = [];

    /// <summary>Streams led here, open and not sealed, with their epochs.</summary>
    public IReadOnlyDictionary<StreamId, long> Writable =>
        _led.Where(led => led.Value.Open && !led.Value.Sealed).ToDictionary(led => led.Key, led => led.Value.Epoch);

    public int SealedCount => _led.Values.Count(led => led.Sealed);

    /// <summary>When each stream last became writable here.</summary>
    public Dictionary<StreamId, DateTimeOffset> WritableSince { get; } = [];

    public Dictionary<StreamId, DateTimeOffset> SealedAt { get; } = [];

    public void Lead(StreamId stream, long epoch)
    {
        if (_led.TryGetValue(stream, out var known) && known.Epoch >= epoch)
        {
            return;
        }

        ledger.Led(stream, epoch, node);
        _led[stream] = (epoch, false, false);
        _ = OpenAsync(stream, epoch);
    }

    public void StepDown(StreamId stream) => _led.Remove(stream);

    public async ValueTask<PartitionHandOver?> SealAsync(StreamId stream, CancellationToken cancellation = default)
    {
        if (!_led.TryGetValue(stream, out var led) || !led.Open)
        {
            return null;
        }

        if (led.Sealed)
        {
            throw new InvalidOperationException($"stream {stream} is sealed twice");
        }

        _led[stream] = led with { Sealed = true };
        SealedAt[stream] = process.Time.GetUtcNow();
        await process.DelayAsync(TimeSpan.FromMilliseconds(SealMs));
        return new PartitionHandOver(stream, led.Epoch, 0, new byte[8]);
    }

    public void Released(StreamId stream)
    {
        ReleasedStreams.Add(stream);
        _led.Remove(stream);
    }

    public void Resume(StreamId stream)
    {
        ResumedStreams.Add(stream);
        if (_led.TryGetValue(stream, out var led))
        {
            _led[stream] = led with { Sealed = false };
        }
    }

    public IReadOnlyList<PartitionLoad> MeasureLoads() => [.. Loads.Where(load => _led.ContainsKey(load.Stream))];

    public ValueTask ApplyAsync(TopicRecord topic, CancellationToken cancellation = default)
    {
        Topics.Remove(topic.Name);
        Topics.Add(topic.Name);
        return ValueTask.CompletedTask;
    }

    public ValueTask RemovedAsync(Guid topicId, CancellationToken cancellation = default)
    {
        Removed.Add(topicId);
        return ValueTask.CompletedTask;
    }

    public List<Guid> Removed { get; } = [];

    private async Task OpenAsync(StreamId stream, long epoch)
    {
        await process.DelayAsync(TimeSpan.FromMilliseconds(OpenMs));
        if (_led.TryGetValue(stream, out var led) && led.Epoch == epoch)
        {
            _led[stream] = led with { Open = true };
            WritableSince[stream] = process.Time.GetUtcNow();
        }
    }
}

/// <summary>A storage that only recovers.</summary>
internal sealed class FakeRecoveringStorage(SimulatedProcess process) : IStreamStorage
{
    public int RecoverMs { get; set; } = 500;

    public int FailuresLeft { get; set; }

    public List<BrokerEpoch> Started { get; } = [];

    public List<BrokerEpoch> Recovered { get; } = [];

    public int Running { get; private set; }

    public int RunningMax { get; private set; }

    public double WalLatencyMs { get; set; }

    public bool HasRoom => true;

    /// <summary>When it was asked to look for a fence.</summary>
    public List<DateTimeOffset> FenceLooks { get; } = [];

    /// <summary>The bucket does not answer either: looks hang until they are given up.</summary>
    public bool HangsLooks { get; set; }

    public async ValueTask LookForFenceAsync(CancellationToken cancellation = default)
    {
        FenceLooks.Add(process.Time.GetUtcNow());
        if (HangsLooks)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, process.Time, cancellation);
        }
    }

    public async ValueTask RecoverAsync(BrokerEpoch dead, CancellationToken cancellation = default)
    {
        Started.Add(dead);
        Running++;
        RunningMax = Math.Max(RunningMax, Running);
        await process.DelayAsync(TimeSpan.FromMilliseconds(RecoverMs));
        Running--;
        if (FailuresLeft-- > 0)
        {
            throw new IOException("the bucket does not answer");
        }

        Recovered.Add(dead);
    }

    public ValueTask StartAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;

    public ValueTask<IStream> OpenAsync(
        StreamId id, long epoch, IStreamObserver? observer, CancellationToken cancellation = default) => throw new NotSupportedException();

    public void Release(StreamId id) => throw new NotSupportedException();

    public ValueTask DestroyAsync(StreamId id, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask WaitForRoomAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;

    public ValueTask StopAsync(CancellationToken cancellation = default) => ValueTask.CompletedTask;
}
