using System.Globalization;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>Keys and bytes of the objects of a log: docs/formats/object-wal.md.</summary>
internal static class ObjectWalFormat
{
    public const string Prefix = "wal/";

    /// <summary>Number of a log's first object.</summary>
    public const long FirstNumber = 1;

    /// <summary>Size of a fence. A group is larger, since it holds one record at least.</summary>
    public const int FenceBytes = WalFormat.GroupHeaderBytes;

    private const int NumberDigits = 16;

    /// <summary>What all keys of the log start with.</summary>
    public static string PrefixOf(BrokerEpoch log) => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{log.Value:x16}/");

    public static string KeyOf(BrokerEpoch log, long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{log.Value:x16}/{number:x16}");

    /// <summary>False when the key is not one of the log's.</summary>
    public static bool TryParse(BrokerEpoch log, string key, out long number)
    {
        number = 0;
        return key.Length > NumberDigits
            && long.TryParse(key.AsSpan(key.Length - NumberDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            && key == KeyOf(log, number);
    }

    /// <param name="by">Who ends the log.</param>
    public static byte[] Fence(BrokerEpoch log, long number, BrokerEpoch by)
    {
        byte[] bytes = new byte[FenceBytes];
        WalFormat.WriteGroupHeader(
            bytes, new WalGroupHeader((ulong)log.Value, (ulong)by.Value, (ulong)number, 0, false, 0, 0, 0) { Fence = true });
        return bytes;
    }

    /// <param name="buffer">The whole object; handed over, also when this throws.</param>
    /// <exception cref="CorruptDataException">It is not an intact object of this log and number.</exception>
    public static WalObject Read(BrokerEpoch log, long number, SharedBuffer buffer)
    {
        try
        {
            if (!WalFormat.TryReadGroupHeader(buffer.Span, out WalGroupHeader header))
            {
                throw Damaged(log, number, "its header does not match its checksum");
            }

            if (header.LogId != (ulong)log.Value || header.Group != (ulong)number)
            {
                throw Damaged(log, number, $"it holds group {header.Group} of log {header.LogId}");
            }

            if (header.PayloadBytes != buffer.Length
                || !WalFormat.IsIntact(header, buffer.Span[WalFormat.GroupHeaderBytes..])
                || header.RecordCount == 0 != header.Fence)
            {
                throw Damaged(log, number, "what it holds does not match its checksums or lengths");
            }

            return new WalObject(number, header, buffer);
        }
        catch
        {
            buffer.Release();
            throw;
        }
    }

    public static CorruptDataException Damaged(BrokerEpoch log, long number, string what) => new(
        $"object {KeyOf(log, number)} of the write-ahead log of broker life {log} is damaged: {what}. What was acknowledged by that broker from "
        + "there on can't be committed. Put the object back as it was, from a copy of the bucket: its recovery is tried again and goes on");
}

/// <summary>An intact object of a log: a group, or the fence at its end. Owns its bytes.</summary>
internal sealed class WalObject(long number, WalGroupHeader header, SharedBuffer buffer) : IDisposable
{
    public long Number => number;

    public bool IsFence => header.Fence;

    /// <summary>Of a fence: who made it.</summary>
    public BrokerEpoch FencedBy => new((long)header.Segment);

    public WalGroupHeader Header => header;

    public int Bytes => buffer.Length;

    /// <summary>The batches in the order in which they were appended; slices of this object's buffer: keep one by a reference of one's own.</summary>
    public IEnumerable<WalReplayedBatch> Batches()
    {
        int body = (int)(WalFormat.GroupHeaderBytes + header.TableBytes);
        for (int i = 0; i < header.RecordCount; i++)
        {
            WalRecordEntry entry = WalFormat.ReadRecordEntry(
                buffer.Span[(WalFormat.GroupHeaderBytes + (i * WalFormat.RecordEntryBytes))..]);
            yield return new WalReplayedBatch(entry.Stream, entry.Epoch, new StreamBatch(
                entry.BaseOffset, entry.Count, entry.MaxTimestamp, buffer.Memory.Slice(body, entry.BodyBytes), buffer));
            body += entry.BodyBytes;
        }
    }

    public void Dispose() => buffer.Release();
}
