using System.Buffers.Binary;

namespace PipeRoll.Wire.Records;

/// <summary>
/// Makes a smaller batch of a batch: some records go, the others keep their offsets, timestamps, keys, values and headers
/// to the byte. What compaction writes (KIP-98 for the empty batch, KIP-534 for the delete horizon).
/// </summary>
public static class RecordBatchRewriter
{
    /// <param name="header">Of the batch as it is stored.</param>
    /// <param name="batch">The whole batch, header included.</param>
    /// <param name="records">Its records, decompressed.</param>
    /// <param name="kept">One flag per record, in order.</param>
    /// <param name="deleteHorizonMs">When the tombstones among the records may go; null leaves it as it is.</param>
    /// <returns>
    /// The batch with the same base and last offset, producer and codec. One without any record is a bare header: it only
    /// says which offsets and sequence numbers were used.
    /// </returns>
    /// <exception cref="WireFormatException">The records are malformed.</exception>
    public static byte[] Rewrite(
        in RecordBatchHeader header, ReadOnlySpan<byte> batch, ReadOnlySpan<byte> records, ReadOnlySpan<bool> kept, long? deleteHorizonMs)
    {
        long baseTimestamp = deleteHorizonMs ?? header.BaseTimestamp;
        using var survivors = new PooledBytes(records.Length, int.MaxValue);
        int count = 0;
        long maxTimestamp = long.MinValue;
        int position = 0;
        foreach (bool keep in kept)
        {
            int start = position;
            if (!RecordLayout.TryParse(records, start, out RecordLayout layout))
            {
                throw new WireFormatException($"the record at byte {start} of the batch at offset {header.BaseOffset} is malformed");
            }

            position = layout.End;
            if (!keep)
            {
                continue;
            }

            count++;
            maxTimestamp = Math.Max(maxTimestamp, header.BaseTimestamp + layout.TimestampDelta);
            Copy(records[start..position], header.BaseTimestamp - baseTimestamp, survivors);
        }

        using var result = new PooledBytes(RecordBatchHeader.Bytes + survivors.Length, int.MaxValue);
        result.Append(batch[..RecordBatchHeader.Bytes]);
        if (count > 0)
        {
            RecordCompressor.Compress(header.Codec, survivors.Span, result);
        }

        int attributes = count > 0 ? header.Attributes : header.Attributes & ~RecordBatchHeader.CodecMask;
        attributes = deleteHorizonMs is null ? attributes : attributes | RecordBatchHeader.DeleteHorizonBit;
        Span<byte> written = result.Written;
        BinaryPrimitives.WriteInt32BigEndian(
            written[RecordBatchHeader.BatchLengthAt..], written.Length - RecordBatchHeader.LengthOverheadBytes);
        BinaryPrimitives.WriteInt16BigEndian(written[RecordBatchHeader.AttributesAt..], (short)attributes);
        BinaryPrimitives.WriteInt64BigEndian(written[RecordBatchHeader.BaseTimestampAt..], baseTimestamp);
        BinaryPrimitives.WriteInt32BigEndian(written[RecordBatchHeader.RecordCountAt..], count);
        bool isOwnTime = header.IsLogAppendTime || count == 0;
        RecordBatchPatch.SetMaxTimestamp(written, isOwnTime ? header.MaxTimestamp : maxTimestamp);
        return result.Span.ToArray();
    }

    /// <summary>Copies a record whose batch has another base timestamp now.</summary>
    private static void Copy(ReadOnlySpan<byte> record, long shift, PooledBytes target)
    {
        if (shift == 0)
        {
            target.Append(record);
            return;
        }

        int at = 0;
        Varint.TryRead(record, ref at, out int _);
        byte attributes = record[at++];
        Varint.TryRead(record, ref at, out long delta);
        ReadOnlySpan<byte> rest = record[at..];
        long shifted = delta + shift;
        int length = 1 + Varint.Length(shifted) + rest.Length;
        Span<byte> free = target.Free(Varint.Length(length) + length);
        int position = Varint.Write(free, length);
        free[position++] = attributes;
        position += Varint.Write(free[position..], shifted);
        rest.CopyTo(free[position..]);
        target.Advance(position + rest.Length);
    }
}
