using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>A snapshot that was found: the state that all events below <see cref="NextOffset"/> leave behind.</summary>
public sealed record StoredSnapshot(long NextOffset, int Slot, byte[] State);

/// <summary>
/// Engine snapshots in the compacted topic <c>_piperoll.snapshots</c> (docs/formats/snapshots.md): chunks of at most 900 KB, keyed
/// by workflow, source, policy hash, slot and chunk. Two slots take turns, so that a snapshot that was cut off by a crash never destroys
/// the one before it. Owner: a worker; one thread.
/// </summary>
public sealed class SnapshotStore
{
    public const string TopicName = "_piperoll.snapshots";
    internal const int ChunkBytesMax = 900 * 1024;
    private const uint Magic = 0x50525331;
    private const int HeaderBytes = 4 + 8 + 4 + 4 + 4 + 32;
    private const int StateBytesMax = 1 << 30;
    private const int FirstWindow = 64;
    private static readonly TopicPartition Home = new(TopicName, 0);

    private readonly string _prefix;

    public SnapshotStore(string workflow, TopicPartition source, string policyHash) =>
        _prefix = $"{workflow}/{source.Topic}/{source.Partition.Value}/{policyHash}/";

    /// <summary>
    /// Sends a snapshot into a slot. Nobody waits for it: a snapshot that does not arrive is one that is not used. A failed delivery
    /// goes to <paramref name="onFailure"/>.
    /// </summary>
    public void Write(IProducer<byte[]?, byte[]?> producer, int slot, long nextOffset, byte[] state, Action<Error> onFailure)
    {
        byte[] hash = SHA256.HashData(state);
        int chunks = Math.Max(1, (state.Length + ChunkBytesMax - 1) / ChunkBytesMax);
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            ReadOnlySpan<byte> part = state.AsSpan(chunk * ChunkBytesMax, Math.Min(ChunkBytesMax, state.Length - (chunk * ChunkBytesMax)));
            var value = new byte[HeaderBytes + part.Length];
            BinaryPrimitives.WriteUInt32BigEndian(value, Magic);
            BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(4), nextOffset);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(12), state.Length);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(16), chunk);
            BinaryPrimitives.WriteInt32BigEndian(value.AsSpan(20), chunks);
            hash.CopyTo(value, 24);
            part.CopyTo(value.AsSpan(HeaderBytes));
            byte[] key = Encoding.UTF8.GetBytes($"{_prefix}{slot}/{chunk}");
            producer.Produce(Home, new Message<byte[]?, byte[]?> { Key = key, Value = value }, report =>
            {
                if (report.Error.IsError)
                {
                    onFailure(report.Error);
                }
            });
        }
    }

    /// <summary>The newest whole snapshot that stands at or below an offset; null if there is none. Reads the topic backwards.</summary>
    public StoredSnapshot? Newest(LogReader log, long atMost)
    {
        (long low, long high) = log.Bounds(Home);
        var gathered = new Dictionary<(long, string, int), Gathering>();
        long to = high;
        for (long window = FirstWindow; to > low; window *= 2)
        {
            long from = Math.Max(low, to - window);
            log.Read(Home, from, to, record =>
            {
                Take(record, atMost, gathered);
                return true;
            });
            StoredSnapshot? found = gathered.Values.Select(each => each.Whole()).OfType<StoredSnapshot>().MaxBy(each => each.NextOffset);
            if (found is not null)
            {
                return found;
            }

            to = from;
        }

        return null;
    }

    private void Take(ConsumeResult<byte[]?, byte[]?> record, long atMost, Dictionary<(long, string, int), Gathering> gathered)
    {
        if (record.Message.Key is not { } key || record.Message.Value is not { Length: >= HeaderBytes } value)
        {
            return;
        }

        string name = Encoding.UTF8.GetString(key);
        if (!name.StartsWith(_prefix, StringComparison.Ordinal) || BinaryPrimitives.ReadUInt32BigEndian(value) != Magic)
        {
            return;
        }

        long nextOffset = BinaryPrimitives.ReadInt64BigEndian(value.AsSpan(4));
        int length = BinaryPrimitives.ReadInt32BigEndian(value.AsSpan(12));
        int chunk = BinaryPrimitives.ReadInt32BigEndian(value.AsSpan(16));
        int chunks = BinaryPrimitives.ReadInt32BigEndian(value.AsSpan(20));
        string[] parts = name[_prefix.Length..].Split('/');
        bool isWellFormed = parts.Length == 2 && int.TryParse(parts[0], out _) && length is >= 0 and <= StateBytesMax
            && chunks is > 0 and <= (StateBytesMax / ChunkBytesMax) + 1 && chunk >= 0 && chunk < chunks;
        if (!isWellFormed || nextOffset > atMost)
        {
            return;
        }

        int slot = int.Parse(parts[0]);
        string hash = Convert.ToHexString(value.AsSpan(24, 32));
        if (!gathered.TryGetValue((nextOffset, hash, slot), out Gathering? gathering))
        {
            gathering = new Gathering(nextOffset, slot, hash, length, chunks);
            gathered.Add((nextOffset, hash, slot), gathering);
        }

        gathering.Add(chunk, chunks, value.AsMemory(HeaderBytes));
    }

    private sealed class Gathering(long nextOffset, int slot, string hash, int length, int chunks)
    {
        private readonly ReadOnlyMemory<byte>?[] _parts = new ReadOnlyMemory<byte>?[chunks];

        public void Add(int chunk, int ofChunks, ReadOnlyMemory<byte> part)
        {
            if (ofChunks == _parts.Length)
            {
                _parts[chunk] = part;
            }
        }

        public StoredSnapshot? Whole()
        {
            if (_parts.Any(part => part is null))
            {
                return null;
            }

            if (_parts.Sum(part => (long)part!.Value.Length) != length)
            {
                return null;
            }

            var state = new byte[length];
            int filled = 0;
            foreach (ReadOnlyMemory<byte>? part in _parts)
            {
                part!.Value.CopyTo(state.AsMemory(filled));
                filled += part.Value.Length;
            }

            return Convert.ToHexString(SHA256.HashData(state)) == hash ? new StoredSnapshot(nextOffset, slot, state) : null;
        }
    }
}
