using System.Diagnostics.Metrics;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;

namespace PipeRoll.Workflows.Blocking;

/// <summary>
/// Has single events decided while somebody waits: stores the event, waits for the decision that the workflow's workers commit, and answers when
/// both are durable. By a deadline it answers what the manifest declares, and records that it did. Owner: its creator; any thread.
/// Failure: an answer that says so. A desk holds nothing that a restart would lose.
/// </summary>
public sealed class DecisionDesk : IDisposable
{
    private const int SettlingMax = 100_000;
    private static readonly Meter Meter = new(Deciding.WorkflowProgress.MeterName);
    private static readonly Counter<long> Requests = Meter.CreateCounter<long>(
        "piperoll.decide.requests", "{request}", "Blocking requests, by workflow and result");

    private static readonly Counter<long> Differing = Meter.CreateCounter<long>(
        "piperoll.decide.deadline.differing", "{request}", "Requests answered by deadline that were decided otherwise afterwards");

    private static readonly Histogram<double> Durations = Meter.CreateHistogram<double>(
        "piperoll.decide.duration", "ms", "From a blocking request to its answer");

    private readonly WorkflowManifest _manifest;
    private readonly EventSchema _schema;
    private readonly BlockingOptions _options;
    private readonly TimeProvider _time;
    private readonly DecisionFeed _feed;
    private readonly EventSender _sender;
    private readonly RequestLog _requests;
    private readonly DeadlineLog _deadlines;
    private readonly ILogger _log;
    private int _underWay;
    private long _bytesUnderWay;
    private int _settling;

    /// <summary>Connects, and follows decisions from here on. The workflow's topics and <see cref="BlockingTopics"/> must exist.</summary>
    public DecisionDesk(
        WorkflowManifest manifest, EventSchema schema, KafkaConnection connection, BlockingOptions options, TimeProvider time, ILogger log)
        : this(manifest, schema, connection, options, time, log, onCommitted: null)
    {
    }

    internal DecisionDesk(
        WorkflowManifest manifest, EventSchema schema, KafkaConnection connection, BlockingOptions options, TimeProvider time, ILogger log,
        Action? onCommitted)
    {
        _manifest = manifest;
        _schema = schema;
        _options = options;
        _time = time;
        _log = log;
        _feed = new DecisionFeed(manifest, connection, options.RecentMax, log);
        _sender = new EventSender(manifest, connection, log);
        _requests = new RequestLog(manifest, connection, options, log) { OnCommitted = onCommitted };
        _deadlines = new DeadlineLog(manifest, _sender, time);
    }

    /// <summary>Requests under way.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>Decides one event.</summary>
    /// <param name="body">One JSON object.</param>
    /// <param name="idempotencyKey">With the same key an event is stored and decided once, and every request is answered with that.</param>
    /// <param name="deadline">Null for the manifest's.</param>
    /// <exception cref="WorkflowRequestException">The request can't be taken as it is.</exception>
    public async Task<BlockingAnswer> DecideAsync(byte[] body, string? idempotencyKey = null, TimeSpan? deadline = null)
    {
        if (body.Length > _options.EventBytesMax)
        {
            throw new WorkflowRequestException($"the event has {body.Length} bytes; {_options.EventBytesMax} is the most that is taken");
        }

        BlockingRequest request = BlockingRequest.Read(body, idempotencyKey, _manifest, _schema);
        long started = _time.GetTimestamp();
        BlockingAnswer answer;
        try
        {
            answer = Interlocked.Increment(ref _underWay) > _options.RequestsMax
                | Interlocked.Add(ref _bytesUnderWay, body.Length) > _options.BytesMax
                ? new BlockingAnswer(
                    BlockingResult.Busy, request.Partition, null, null, null, "as many requests are under way as the server takes: try again")
                : await AnswerAsync(request, deadline ?? TimeSpan.FromMilliseconds(_manifest.DeadlineMs));
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
            Interlocked.Add(ref _bytesUnderWay, -body.Length);
        }

        Requests.Add(1, new("workflow", _manifest.Name), new("result", answer.Result.ToString()));
        Durations.Record(_time.GetElapsedTime(started).TotalMilliseconds, new KeyValuePair<string, object?>("workflow", _manifest.Name));
        return answer;
    }

    public void Dispose()
    {
        _requests.Dispose();
        _feed.Dispose();
        _sender.Dispose();
    }

    private async Task<BlockingAnswer> AnswerAsync(BlockingRequest request, TimeSpan deadline)
    {
        var giveUp = new CancellationTokenSource();
        Task<Placed> placing = PlaceAsync(request);
        Task<BlockingAnswer> deciding = DecidedAsync(placing, giveUp.Token);
        try
        {
            return await deciding.WaitAsync(deadline, _time);
        }
        catch (TimeoutException)
        {
            return await ByDeadlineAsync(request, placing, deciding, deadline, giveUp);
        }
        catch (Exception error) when (error is KafkaException or WorkflowException)
        {
            return Unavailable(request, error);
        }
    }

    /// <summary>Where the event is, or where the one is that has its key.</summary>
    private async Task<Placed> PlaceAsync(BlockingRequest request)
    {
        if (request.IdempotencyKey is null)
        {
            return new Placed(request.Partition, await _sender.SendAsync(request), IsNew: true, IsOther: false);
        }

        (KnownRequest known, bool isFresh) = await _requests.ResolveAsync(request);
        return new Placed(known.Partition, known.Offset, isFresh, IsOther: known.Digest != request.Digest);
    }

    private async Task<BlockingAnswer> DecidedAsync(Task<Placed> placing, CancellationToken giveUp)
    {
        Placed placed = await placing;
        if (placed.IsOther)
        {
            return new BlockingAnswer(
                BlockingResult.KeyReused, placed.Partition, placed.Offset, null, null,
                $"this idempotency key stands for another event, {_manifest.SourceTopic}/{placed.Partition}/{placed.Offset}: give each event its own");
        }

        // What somebody wrote before this desk began to follow must be looked for. Waiting begins first, so that nothing falls between.
        Task<byte[]> waiting = _feed.WaitAsync(placed.Partition, placed.Offset, giveUp);
        byte[] record = !placed.IsNew && !waiting.IsCompleted && await _feed.FindAsync(placed.Partition, placed.Offset) is { } found
            ? found
            : await waiting;
        return new BlockingAnswer(BlockingResult.Decided, placed.Partition, placed.Offset, OutcomeOf(record), record);
    }

    private async Task<BlockingAnswer> ByDeadlineAsync(
        BlockingRequest request, Task<Placed> placing, Task<BlockingAnswer> deciding, TimeSpan deadline,
        CancellationTokenSource giveUp)
    {
        long? offset = placing.IsCompletedSuccessfully ? placing.Result.Offset : null;
        string outcome = _manifest.DeadlineOutcome;
        try
        {
            await _deadlines.AnsweredAsync(request, offset, outcome, (int)deadline.TotalMilliseconds)
                .WaitAsync(TimeSpan.FromMilliseconds(_options.RecordingMs), _time);
        }
        catch (Exception error) when (error is TimeoutException or KafkaException)
        {
            // An answer that nobody could ever see again is worse than none.
            await giveUp.CancelAsync();
            return Unavailable(request, error);
        }

        _ = SettleAsync(request, outcome, deciding, giveUp);
        return new BlockingAnswer(
            BlockingResult.ByDeadline, request.Partition, offset, outcome, null,
            $"no decision within {deadline.TotalMilliseconds:F0} ms: the workflow declares '{outcome}' for this; recorded as request {request.Id}");
    }

    /// <summary>Follows a request beyond its answer, to record what was decided after all. Of too many, it is left to whoever compares the topics.</summary>
    private async Task SettleAsync(BlockingRequest request, string answered, Task<BlockingAnswer> deciding, CancellationTokenSource giveUp)
    {
        if (Interlocked.Increment(ref _settling) > SettlingMax)
        {
            await giveUp.CancelAsync();
        }

        try
        {
            if (await deciding is { Offset: { } offset, Outcome: { } outcome })
            {
                await _deadlines.SettledAsync(request, offset, answered, outcome);
                if (outcome != answered)
                {
                    Differing.Add(1, new KeyValuePair<string, object?>("workflow", _manifest.Name));
                }
            }
        }
        catch (Exception error) when (error is KafkaException or WorkflowException or OperationCanceledException)
        {
            _log.ClientError(nameof(DecisionDesk), error.Message);
        }

        Interlocked.Decrement(ref _settling);
    }

    private static BlockingAnswer Unavailable(BlockingRequest request, Exception error) => new(
        BlockingResult.Unavailable, request.Partition, null, null, null,
        $"the cluster does not answer ({error.Message}): the event may or may not be stored; repeat the request with the same idempotency key");

    private static string OutcomeOf(byte[] record) => Encoding.UTF8.GetString(DecisionComparison.OutcomeOf(record));

    private readonly record struct Placed(int Partition, long Offset, bool IsNew, bool IsOther);
}
