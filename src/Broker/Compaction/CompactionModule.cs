using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;

namespace PipeRoll.Broker.Compaction;

/// <summary>Compacts the partitions of all topics with <c>cleanup.policy=compact</c>, one at a time, when enough of them is new.</summary>
/// <remarks>
/// Owner: the broker. One background task, on the broker's clock. Failure: what fails is logged and tried again at the
/// next look. Topics under evidence are left alone: their stored bytes are what was sworn to.
/// </remarks>
internal sealed partial class CompactionModule(BrokerServices services, CompactionOptions options) : IBrokerModule, IDisposable
{
    private readonly ILogger _logger = services.Loggers.CreateLogger<CompactionModule>();
    private readonly Dictionary<StreamId, CompactionState> _states = [];
    private readonly HashSet<Guid> _refusedTopics = [];
    private readonly CancellationTokenSource _stopping = new();
    private Task? _running;

    public IEnumerable<IHandler> Handlers => [];

    public ValueTask StartAsync(CancellationToken cancellation)
    {
        _running = RunAsync();
        return ValueTask.CompletedTask;
    }

    public async ValueTask StopAsync()
    {
        _stopping.Cancel();
        if (_running is not null)
        {
            await _running;
        }

        Dispose();
    }

    public void Dispose() => _stopping.Dispose();

    /// <summary>Looks at every partition once.</summary>
    internal async Task RunOnceAsync(CancellationToken cancellation)
    {
        HashSet<StreamId> seen = [];
        foreach (Topic topic in services.Topics.All.Where(static topic => topic.Settings.Compacts))
        {
            if (IsUnderEvidence(topic))
            {
                continue;
            }

            CompactionSettings settings = CompactionSettings.Of(topic.Configs, services.Configs.Options.TopicDefaults);
            foreach (Partition partition in topic.Partitions)
            {
                seen.Add(partition.Identity.Stream);
                await CompactAsync(partition, settings, cancellation);
            }
        }

        foreach (StreamId gone in _states.Keys.Where(stream => !seen.Contains(stream)).ToArray())
        {
            _states.Remove(gone);
        }
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(options.CheckMs), services.Time, _stopping.Token);
                await RunOnceAsync(_stopping.Token);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The broker stops.
        }
    }

    private async Task CompactAsync(Partition partition, CompactionSettings settings, CancellationToken cancellation)
    {
        if (partition.Stream is not { } stream)
        {
            return;
        }

        if (!_states.TryGetValue(stream.Id, out CompactionState? state))
        {
            state = new CompactionState();
            _states.Add(stream.Id, state);
        }

        try
        {
            CompactionResult result = default;
            while (result.IsPartial || state.IsDue(stream.StartOffset, stream.CommittedOffset, settings, NowMs))
            {
                result = await new PartitionCompactor(stream, settings, options, services.Time).RunAsync(state.CleanTo, cancellation);
                state.Ran(result, settings, NowMs);
                LogCompacted(_logger, partition.Identity, result.CleanTo, result.RecordsDropped);
            }
        }
        catch (StreamUnavailableException)
        {
            // The partition is closed or opened anew: the next look finds it as it then is.
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            LogFailed(_logger, error, partition.Identity);
        }
    }

    private long NowMs => services.Time.GetUtcNow().ToUnixTimeMilliseconds();

    private bool IsUnderEvidence(Topic topic)
    {
        bool isUnderEvidence = topic.Configs.TryGetValue(TopicConfigs.Evidence, out string? evidence) && evidence.Trim() == "true";
        if (isUnderEvidence && _refusedTopics.Add(topic.Id))
        {
            LogRefused(_logger, topic.Name);
        }

        return isUnderEvidence;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} was compacted up to offset {CleanTo}: {Dropped} records dropped")]
    private static partial void LogCompacted(ILogger logger, PartitionIdentity partition, long cleanTo, long dropped);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Partition} could not be compacted; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception error, PartitionIdentity partition);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "topic {Topic} has cleanup.policy=compact and piperoll.evidence=true: it is not compacted, evidence needs its stored bytes")]
    private static partial void LogRefused(ILogger logger, string topic);
}
