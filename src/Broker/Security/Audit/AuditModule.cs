using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Security.Audit;

/// <summary>
/// Writes audit events to the topic <c>_piperoll.audit</c>, to a partition that this broker leads. The topic is made with the first event.
/// </summary>
/// <remarks>Owner: the broker. Failure: what can't be written now waits in the queue, which is bounded; the log has had it already.</remarks>
[SuppressMessage("Design", "CA1001", Justification = "StopAsync disposes it, after the loop that uses it has ended.")]
internal sealed partial class AuditModule : IBrokerModule
{
    public const string TopicName = "_piperoll.audit";

    private const int Partitions = 8;
    private const int BatchEventsMax = 500;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // A year, and never more than this much of each partition: whoever provokes events must not fill the disk.
    private static readonly Dictionary<string, string> Configs = new()
    {
        ["cleanup.policy"] = "delete",
        ["retention.ms"] = "31536000000",
        ["retention.bytes"] = "1073741824",
    };

    private readonly BrokerServices _services;
    private readonly SecurityAudit _audit;
    private readonly ILogger _logger;
    private readonly BackgroundTasks _background = new();
    private readonly CancellationTokenSource _stopping = new();
    private int _isRunning;

    public AuditModule(BrokerServices services)
    {
        _services = services;
        _audit = services.Security.Audit;
        _logger = services.Loggers.CreateLogger<AuditModule>();
    }

    public IEnumerable<IHandler> Handlers => [];

    public ValueTask StartAsync(CancellationToken cancellation)
    {
        _audit.Added += Wake;
        Wake();
        return ValueTask.CompletedTask;
    }

    public async ValueTask StopAsync()
    {
        _audit.Added -= Wake;
        _stopping.Cancel();
        await _background.WhenAllAsync();
        await WriteAsync(isLast: true);
        _stopping.Dispose();
    }

    // One loop at a time, and none while there is nothing to write.
    private void Wake()
    {
        if (!_stopping.IsCancellationRequested && Interlocked.Exchange(ref _isRunning, 1) == 0)
        {
            _background.Start(RunAsync);
        }
    }

    private async Task RunAsync()
    {
        // As long as a window is open something may be counted that is written at its end.
        long idleSince = _services.Time.GetTimestamp();
        while (!_stopping.IsCancellationRequested && _services.Time.GetElapsedTime(idleSince).TotalMilliseconds < 2 * AuditQueue.WindowMs)
        {
            if (await WriteAsync(isLast: false))
            {
                idleSince = _services.Time.GetTimestamp();
            }

            try
            {
                await Task.Delay(Pause, _services.Time, _stopping.Token);
            }
            catch (OperationCanceledException)
            {
                // The broker stops, and writes what is left.
            }
        }

        Volatile.Write(ref _isRunning, 0);
        if (_audit.Queue.Count > 0)
        {
            Wake();
        }
    }

    /// <returns>False when there was nothing to write.</returns>
    private async ValueTask<bool> WriteAsync(bool isLast)
    {
        long nowMs = _services.Time.GetUtcNow().ToUnixTimeMilliseconds();
        List<QueuedEvent> events = _audit.Queue.Take(nowMs, BatchEventsMax, isLast);
        if (events.Count == 0)
        {
            return false;
        }

        string? problem = null;
        try
        {
            TopicChange made = await _services.Topics.EnsureInternalAsync(TopicName, Partitions, Configs, CancellationToken.None);
            Partition? partition = made.Topic?.Partitions.FirstOrDefault(each => each.State == PartitionState.Open);
            AppendResult? result = partition is null ? null : await partition.AppendAsync(Build(events), owner: null);
            problem = made.Topic is null ? made.Message
                : result is null ? "this broker leads no partition of it now"
                : result.Value.Error == KafkaError.None ? null : $"{result.Value.Error}";
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            problem = error.Message;
        }

        if (problem is not null)
        {
            _audit.Queue.PutBack(events);
            LogWaits(_logger, events.Count, TopicName, problem);
        }

        return true;
    }

    private byte[] Build(List<QueuedEvent> events)
    {
        using var builder = new RecordBatchBuilder();
        foreach (QueuedEvent each in events)
        {
            builder.Append(
                each.TimeMs, each.Event.Key(), each.Event.ToJson(each.TimeMs, _services.Options.NodeId, each.Count),
                [new RecordHeader("content-type", Encoding.UTF8.GetBytes("application/json"))]);
        }

        return builder.Build();
    }

    [LoggerMessage(72, LogLevel.Information, "{Count} audit events wait for {Topic}: {Reason}")]
    private static partial void LogWaits(ILogger logger, int count, string topic, string? reason);
}
