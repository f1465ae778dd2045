using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PipeRoll.Policies;
using PipeRoll.Workflows.Capture;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Workflows.Blocking;

/// <summary>One event that somebody wants decided before he goes on. Immutable.</summary>
public sealed class BlockingRequest
{
    private const int KeyCharsMax = 255;

    private BlockingRequest(byte[] body, byte[] key, int partition, string? idempotencyKey)
    {
        Body = body;
        Key = key;
        Partition = partition;
        IdempotencyKey = idempotencyKey;
    }

    /// <summary>The event as it was sent.</summary>
    public byte[] Body { get; }

    /// <summary>The record's key.</summary>
    public byte[] Key { get; }

    /// <summary>Where the event belongs: by murmur2 of its key, as every client of the topic places it.</summary>
    public int Partition { get; }

    /// <summary>The caller's; null if he gave none.</summary>
    public string? IdempotencyKey { get; }

    /// <summary>SHA-256 of the body, in hexadecimal; reckoned when it is asked for, as most requests need none.</summary>
    public string Digest => field ??= Convert.ToHexStringLower(SHA256.HashData(Body));

    /// <summary>Names the request in the event's header and in what is recorded about it.</summary>
    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>
    /// Reads an event as far as placing it needs. An event whose other fields are wrong is taken: it is decided by the policy's fallback, and
    /// recorded like every other.
    /// </summary>
    /// <exception cref="WorkflowRequestException">It can't be placed; the message says what to change.</exception>
    public static BlockingRequest Read(byte[] body, string? idempotencyKey, WorkflowManifest manifest, EventSchema schema)
    {
        if (idempotencyKey is { Length: 0 or > KeyCharsMax })
        {
            throw new WorkflowRequestException($"an idempotency key has 1 to {KeyCharsMax} characters, not {idempotencyKey.Length}");
        }

        string field = manifest.KeyField ?? schema.KeyField;
        IReadOnlyList<string> path = schema.Fields.FirstOrDefault(each => each.Name == field)?.Path is { Count: > 0 } inside ? inside : [field];
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new WorkflowRequestException("an event is one JSON object");
            }

            byte[] key = KeyOf(document.RootElement, path)
                ?? throw new WorkflowRequestException(
                    $"the event has no '{string.Join('.', path)}', by which events of workflow {manifest.Name} are kept in order: give a text or a number");
            return new BlockingRequest(body, key, KeyPartitioner.Of(key, manifest.Partitions), idempotencyKey);
        }
        catch (JsonException error)
        {
            throw new WorkflowRequestException($"the event is no JSON: {error.Message}");
        }
    }

    private static byte[]? KeyOf(JsonElement element, IReadOnlyList<string> path)
    {
        foreach (string name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }

        return element.ValueKind switch
        {
            JsonValueKind.String when element.GetString() is { Length: > 0 } text => Encoding.UTF8.GetBytes(text),
            JsonValueKind.Number => Encoding.UTF8.GetBytes(element.GetRawText()),
            _ => null,
        };
    }
}

/// <summary>A request that can't be taken as it is; the message says what to change.</summary>
public sealed class WorkflowRequestException(string message) : Exception(message);
