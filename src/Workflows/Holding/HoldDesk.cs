using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Holding;

/// <summary>
/// The held events of a workflow, in the compacted topic <c>_piperoll.holds</c>: each is ended once, by a person or by its time, and what then becomes
/// of the event is written in the same transaction.
/// </summary>
/// <remarks>Owner: its creator. Any thread; calls block. Failure: <see cref="HoldRefusedException"/>, <see cref="WorkflowException"/>.</remarks>
public sealed class HoldDesk : IDisposable
{
    public const string TopicName = "_piperoll.holds";

    /// <summary>Header of an event that goes on after it was held: how its hold ended.</summary>
    public const string ResolutionHeader = "pr-hold";

    /// <summary>So many ended holds are remembered, to say who ended them; the others are in the topic only.</summary>
    private const int EndedMax = 50_000;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly Lock _gate = new();
    private readonly Func<WorkflowPlan> _plan;
    private readonly TimeProvider _time;
    private readonly FencedTopic _topic;
    private readonly LogReader _events;
    private readonly string _workflow;

    /// <summary>All that are open, and the newest of those that have ended.</summary>
    private readonly Dictionary<string, Hold> _holds = new(StringComparer.Ordinal);
    private readonly Queue<string> _ended = new();
    private readonly Dictionary<int, long> _seen = [];

    /// <param name="plan">The workflow as it is now: its versions say what becomes of what they held.</param>
    public HoldDesk(Func<WorkflowPlan> plan, KafkaConnection connection, TimeProvider time, ILogger log)
    {
        _plan = plan;
        _time = time;
        _workflow = plan().Manifest.Name;
        _events = new LogReader(connection, log);
        _topic = new FencedTopic(TopicName, $"piperoll.holds.{_workflow}", connection, Take, log);
    }

    public static TopicPlan Plan { get; } = new(TopicName, 1) { Configs = new Dictionary<string, string> { ["cleanup.policy"] = "compact" } };

    /// <summary>What is held now, the oldest first.</summary>
    public IReadOnlyList<Hold> Open()
    {
        lock (_gate)
        {
            _topic.Refresh();
            return [.. _holds.Values.Where(static hold => hold.State == HoldState.Open).OrderBy(static hold => hold.HeldAtMs)];
        }
    }

    /// <summary>A hold by the id of its event; null if it never was held, or not taken in yet.</summary>
    public Hold? Find(string id)
    {
        lock (_gate)
        {
            _topic.Refresh();
            return _holds.GetValueOrDefault(id);
        }
    }

    /// <summary>Lets a held event pass: it goes where allowed events go.</summary>
    public Hold Release(string by, string reason, string id) => End(id, HoldState.Released, by, reason);

    /// <summary>Stops a held event for good: it goes where blocked events go.</summary>
    public Hold Refuse(string by, string reason, string id) => End(id, HoldState.Refused, by, reason);

    /// <summary>The offset of the decision topic's partition from which decisions have to be taken in.</summary>
    internal long SeenUpTo(int partition)
    {
        lock (_gate)
        {
            _topic.Refresh();
            return _seen.GetValueOrDefault(partition);
        }
    }

    /// <summary>Takes decisions of a partition in, in order; those that hold their event begin a hold.</summary>
    /// <param name="next">The offset behind the last.</param>
    internal void TakeIn(int partition, IReadOnlyList<DecisionRecord> held, long next)
    {
        lock (_gate)
        {
            _topic.Append(() =>
            {
                if (_seen.GetValueOrDefault(partition) >= next)
                {
                    // Another server was faster.
                    return [];
                }

                IEnumerable<Hold> begun = held.Select(decision => Hold.Of(_workflow, decision, HoldsOf(decision.PolicyHash)))
                    .Where(hold => !_holds.ContainsKey(hold.Id));
                return [.. begun.Select(Record), new Addressed(_topic.Partition, new Message<byte[]?, byte[]?>
                {
                    Key = Encoding.UTF8.GetBytes($"{_workflow}/seen/{partition}"),
                    Value = JsonSerializer.SerializeToUtf8Bytes(next),
                })];
            });
        }
    }

    /// <summary>Ends what is due. Returns how many that were.</summary>
    internal int Expire()
    {
        lock (_gate)
        {
            long now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            Hold[] due = [.. _holds.Values.Where(hold => IsDue(hold, now)).OrderBy(static hold => hold.DueMs)];
            foreach (Hold hold in due)
            {
                _topic.Append(() => IsDue(_holds[hold.Id], now)
                    ? Ended(_holds[hold.Id], HoldState.Expired, "expiry", "nobody said anything in time")
                    : []);
            }

            return due.Length;
        }
    }

    public void Dispose()
    {
        _topic.Dispose();
        _events.Dispose();
    }

    private static bool IsDue(Hold hold, long nowMs) => hold.State == HoldState.Open && hold.DueMs <= nowMs;

    private PolicyHolds? HoldsOf(string policyHash) => (_plan().Versions.Find(policyHash) ?? _plan().Policy).Holds;

    private Hold End(string id, HoldState state, string by, string reason)
    {
        if (string.IsNullOrWhiteSpace(reason))
        {
            throw new HoldRefusedException("say why: every hold keeps the reason of its end");
        }

        lock (_gate)
        {
            _topic.Append(() =>
            {
                if (!_holds.TryGetValue(id, out Hold? hold))
                {
                    throw new HoldRefusedException($"{id} is not held, or its hold ended long ago: give the id as the list of holds shows it");
                }

                return hold.State == HoldState.Open ? Ended(hold, state, by, reason.Trim()) : throw new HoldRefusedException(
                    $"{id} was {hold.State.ToString().ToLowerInvariant()} by {hold.By} at {hold.At:u}: a hold ends once");
            });
            return _holds[id];
        }
    }

    /// <summary>The end of a hold, and the event where its outcome sends it.</summary>
    private IReadOnlyList<Addressed> Ended(Hold hold, HoldState state, string by, string reason)
    {
        Hold ended = hold with { State = state, By = by, At = _time.GetUtcNow(), Reason = reason };
        return [.. Routed(ended), Record(ended)];
    }

    private IEnumerable<Addressed> Routed(Hold hold)
    {
        WorkflowPlan plan = _plan();
        PolicyBundle policy = plan.Versions.Find(hold.PolicyHash) ?? plan.Policy;
        string[] topics =
        [
            .. new[] { policy.Routes.GetValueOrDefault(hold.Outcome!.Value)?.TopicFor(hold.Topic), plan.ManifestRoute(hold.Outcome!.Value) }
                .OfType<string>().Distinct(StringComparer.Ordinal),
        ];
        if (topics.Length == 0)
        {
            return [];
        }

        Message<byte[]?, byte[]?> happened = Event(hold);
        var headers = new Headers();
        foreach (IHeader header in happened.Headers ?? [])
        {
            headers.Add((Header)header);
        }

        headers.Add(ResolutionHeader, Encoding.UTF8.GetBytes($"{hold.State.ToString().ToLowerInvariant()} {hold.Id}"));
        return topics.Select(topic => new Addressed(
            new TopicPartition(topic, hold.Partition),
            new Message<byte[]?, byte[]?> { Key = happened.Key, Value = happened.Value, Timestamp = happened.Timestamp, Headers = headers }));
    }

    private Message<byte[]?, byte[]?> Event(Hold hold)
    {
        Message<byte[]?, byte[]?>? found = null;
        _events.Read(new TopicPartition(hold.Topic, hold.Partition), hold.Offset, hold.Offset + 1, record =>
        {
            found = record.Offset.Value == hold.Offset ? record.Message : null;
            return false;
        });
        return found ?? throw new WorkflowException($"the event {hold.Id} is not there any more: it can't be sent on");
    }

    private Addressed Record(Hold hold) => new(_topic.Partition, new Message<byte[]?, byte[]?>
    {
        Key = Encoding.UTF8.GetBytes($"{_workflow}/holds/{hold.Id}"),
        Value = JsonSerializer.SerializeToUtf8Bytes(hold, Json),
    });

    private void Take(Message<byte[]?, byte[]?> message)
    {
        string[] key = Encoding.UTF8.GetString(message.Key ?? []).Split('/', 3);
        if (key.Length < 3 || key[0] != _workflow || message.Value is not { } value)
        {
            return;
        }

        if (key[1] == "holds" && JsonSerializer.Deserialize<Hold>(value, Json) is { } hold)
        {
            _holds[hold.Id] = hold;
            if (hold.State != HoldState.Open)
            {
                _ended.Enqueue(hold.Id);
                if (_ended.Count > EndedMax)
                {
                    _holds.Remove(_ended.Dequeue());
                }
            }
        }
        else if (key[1] == "seen")
        {
            _seen[int.Parse(key[2], System.Globalization.CultureInfo.InvariantCulture)] = JsonSerializer.Deserialize<long>(value);
        }
    }
}
