using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Life;

/// <summary>
/// The lives of a workflow's policy versions, kept in the compacted topic <c>_piperoll.policies</c> of its cluster (docs/formats/policies-topic.md).
/// One writer at a time, by transactions: whoever begins to write fences off whoever did before, reads to the end, decides, and appends.
/// </summary>
/// <remarks>Owner: its creator. Any thread; one call at a time. Failure: <see cref="WorkflowException"/>; nothing was appended then.</remarks>
public sealed class PolicyLog : IDisposable
{
    public const string TopicName = "_piperoll.policies";
    private const int ChunkBytes = 512 * 1024;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    private readonly Lock _gate = new();
    private readonly string _workflow;
    private readonly FencedTopic _topic;
    private readonly List<LifeEvent> _history = [];

    public PolicyLog(string workflow, KafkaConnection connection, ILogger log)
    {
        _workflow = workflow;
        _topic = new FencedTopic(TopicName, $"piperoll.policies.{workflow}", connection, Take, log);
        Life = new WorkflowLife(workflow);
    }

    public static TopicPlan Plan { get; } = new(TopicName, 1) { Configs = new Dictionary<string, string> { ["cleanup.policy"] = "compact" } };

    /// <summary>As of the last <see cref="Refresh"/> or <see cref="Append"/>.</summary>
    public WorkflowLife Life { get; private set; }

    /// <summary>Everything that happened, the oldest first.</summary>
    public IReadOnlyList<LifeEvent> History
    {
        get
        {
            lock (_gate)
            {
                return [.. _history];
            }
        }
    }

    /// <summary>Reads what was appended since.</summary>
    public WorkflowLife Refresh()
    {
        lock (_gate)
        {
            _topic.Refresh();
            return Life;
        }
    }

    /// <summary>The files of a version; null if there is none of that hash. Reads the topic.</summary>
    public PolicyFiles? Files(string hash) => Files(each => each == hash).GetValueOrDefault(hash);

    /// <summary>Every version whose files are there, compiled. Reads the topic.</summary>
    public IReadOnlyList<PolicyBundle> Versions()
    {
        WorkflowLife life = Refresh();
        return [.. Files(life.Policies.ContainsKey).Values.Select(static files => files.Parse())];
    }

    /// <summary>Appends what follows from the state as it is now. When it returns it is durable.</summary>
    /// <param name="decide">What happens; its exception is passed on, and nothing is appended. Asked again when somebody else was faster.</param>
    /// <param name="files">Of a submission: what the version is made of.</param>
    public LifeEvent Append(Func<WorkflowLife, LifeEvent> decide, PolicyFiles? files = null)
    {
        lock (_gate)
        {
            LifeEvent? happened = null;
            _topic.Append(() =>
            {
                happened = decide(Life);
                return [.. FileRecords(happened.Subject, files), Record(happened)];
            });
            return happened!;
        }
    }

    public void Dispose() => _topic.Dispose();

    private Addressed Record(LifeEvent happened) => new(_topic.Partition, new Message<byte[]?, byte[]?>
    {
        Key = Encoding.UTF8.GetBytes($"{_workflow}/events/{happened.Sequence:D10}"),
        Value = JsonSerializer.SerializeToUtf8Bytes(happened, Json),
    });

    private IEnumerable<Addressed> FileRecords(string hash, PolicyFiles? files)
    {
        foreach ((string name, byte[] bytes) in files?.All ?? [])
        {
            int parts = Math.Max(1, (bytes.Length + ChunkBytes - 1) / ChunkBytes);
            for (int part = 0; part < parts; part++)
            {
                byte[] chunk = bytes[(part * ChunkBytes)..Math.Min(bytes.Length, (part + 1) * ChunkBytes)];
                yield return new Addressed(_topic.Partition, new Message<byte[]?, byte[]?> { Key = FileKey(hash, name, part), Value = chunk });
            }
        }
    }

    private byte[] FileKey(string hash, string name, int part) => Encoding.UTF8.GetBytes($"{_workflow}/files/{hash}/{part:D5}/{name}");

    private void Take(Message<byte[]?, byte[]?> message)
    {
        string[] key = Encoding.UTF8.GetString(message.Key ?? []).Split('/', 5);
        if (key[0] != _workflow || message.Value is not { } value)
        {
            return;
        }

        if (key is [_, "events", _])
        {
            LifeEvent happened = JsonSerializer.Deserialize<LifeEvent>(value, Json)
                ?? throw new WorkflowException($"{TopicName} holds an event of {_workflow} that is null");
            Life = Life.Apply(happened);
            _history.Add(happened);
        }
    }

    /// <summary>The files of some versions. They are not kept: with lists of names they may be large, and are seldom asked for.</summary>
    private Dictionary<string, PolicyFiles> Files(Func<string, bool> isWanted)
    {
        Dictionary<string, SortedDictionary<string, byte[]>> chunks = [];
        lock (_gate)
        {
            _topic.ReadAgain(message =>
            {
                string[] key = Encoding.UTF8.GetString(message.Key ?? []).Split('/', 5);
                if (key is [var workflow, "files", var hash, var part, var name] && workflow == _workflow && isWanted(hash) && message.Value is { } value)
                {
                    if (!chunks.TryGetValue(hash, out SortedDictionary<string, byte[]>? own))
                    {
                        chunks.Add(hash, own = new SortedDictionary<string, byte[]>(StringComparer.Ordinal));
                    }

                    own[$"{name}\n{part}"] = value;
                }
            });
        }

        return chunks.ToDictionary(static version => version.Key, static version => PolicyFiles.Of(Assembled(version.Value)));
    }

    /// <summary>Files from their parts, which stand in order.</summary>
    private static Dictionary<string, byte[]> Assembled(SortedDictionary<string, byte[]> chunks) => chunks
        .GroupBy(static chunk => chunk.Key[..chunk.Key.LastIndexOf('\n')])
        .ToDictionary(static file => file.Key, static file => file.SelectMany(static chunk => chunk.Value).ToArray());
}
