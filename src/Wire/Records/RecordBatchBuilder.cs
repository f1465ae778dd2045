using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Wire.Records;

/// <summary>A header of a record; the value may be null.</summary>
public readonly record struct RecordHeader(string Key, ReadOnlyMemory<byte>? Value);

/// <summary>Builds one record batch of format 2, record by record.</summary>
/// <remarks>Owner: one task; not thread-safe. Dispose it to give its buffer back.</remarks>
public sealed class RecordBatchBuilder : IDisposable
{
    private readonly PooledBytes _records;
    private int _count;
    private long _baseTimestamp;
    private long _maxTimestamp;

    /// <param name="bytesMax">The most that the records may take before compression, in bytes.</param>
    public RecordBatchBuilder(int bytesMax = 64 * 1024 * 1024) => _records = new PooledBytes(1024, bytesMax);

    public CompressionCodec Codec { get; init; } = CompressionCodec.None;

    public long BaseOffset { get; init; }

    public int PartitionLeaderEpoch { get; init; } = -1;

    /// <summary>-1: not idempotent.</summary>
    public long ProducerId { get; init; } = -1;

    public short ProducerEpoch { get; init; } = -1;

    public int BaseSequence { get; init; } = -1;

    public bool IsTransactional { get; init; }

    public bool IsControl { get; init; }

    public int RecordCount => _count;

    /// <summary>The size of the records so far, uncompressed and without the header of the batch, in bytes.</summary>
    public int RecordsBytes => _records.Length;

    /// <param name="timestampMs">Milliseconds since 1970 UTC.</param>
    /// <exception cref="InvalidOperationException">The record is above the bound.</exception>
    public void Append(
        long timestampMs, ReadOnlyMemory<byte>? key, ReadOnlyMemory<byte>? value, ReadOnlySpan<RecordHeader> headers = default) =>
        Append(timestampMs, key.GetValueOrDefault().Span, key is null, value.GetValueOrDefault().Span, value is null, headers);

    /// <param name="timestampMs">Milliseconds since 1970 UTC.</param>
    /// <exception cref="InvalidOperationException">The record is above the bound.</exception>
    public void Append(
        long timestampMs, ReadOnlySpan<byte> key, bool isKeyNull, ReadOnlySpan<byte> value, bool isValueNull, ReadOnlySpan<RecordHeader> headers)
    {
        _baseTimestamp = _count == 0 ? timestampMs : _baseTimestamp;
        _maxTimestamp = _count == 0 ? timestampMs : Math.Max(_maxTimestamp, timestampMs);
        long timestampDelta = timestampMs - _baseTimestamp;
        int length = 1 + Varint.Length(timestampDelta) + Varint.Length(_count) + BytesLength(key, isKeyNull) + BytesLength(value, isValueNull)
            + Varint.Length(headers.Length);
        foreach (RecordHeader header in headers)
        {
            int keyLength = Encoding.UTF8.GetByteCount(header.Key);
            length += Varint.Length(keyLength) + keyLength + BytesLength(header.Value.GetValueOrDefault().Span, header.Value is null);
        }

        Span<byte> target = _records.Free(Varint.Length(length) + length);
        int position = Varint.Write(target, length);
        target[position++] = 0;
        position += Varint.Write(target[position..], timestampDelta);
        position += Varint.Write(target[position..], _count);
        position += WriteBytes(target[position..], key, isKeyNull);
        position += WriteBytes(target[position..], value, isValueNull);
        position += Varint.Write(target[position..], headers.Length);
        foreach (RecordHeader header in headers)
        {
            position += Varint.Write(target[position..], Encoding.UTF8.GetByteCount(header.Key));
            position += Encoding.UTF8.GetBytes(header.Key, target[position..]);
            position += WriteBytes(target[position..], header.Value.GetValueOrDefault().Span, header.Value is null);
        }

        _records.Advance(position);
        _count++;
    }

    /// <summary>The batch so far, in an array of its own.</summary>
    /// <exception cref="InvalidOperationException">There is no record.</exception>
    public byte[] Build()
    {
        if (_count == 0)
        {
            throw new InvalidOperationException("a record batch has at least one record");
        }

        using var batch = new PooledBytes(RecordBatchHeader.Bytes + _records.Length, int.MaxValue);
        batch.Append(stackalloc byte[RecordBatchHeader.Bytes]);
        RecordCompressor.Compress(Codec, _records.Span, batch);
        WriteHeader(batch.Written);
        return batch.Span.ToArray();
    }

    public void Dispose() => _records.Dispose();

    private static int BytesLength(ReadOnlySpan<byte> bytes, bool isNull) => isNull ? 1 : Varint.Length(bytes.Length) + bytes.Length;

    private static int WriteBytes(Span<byte> target, ReadOnlySpan<byte> bytes, bool isNull)
    {
        if (isNull)
        {
            return Varint.Write(target, -1);
        }

        int position = Varint.Write(target, bytes.Length);
        bytes.CopyTo(target[position..]);
        return position + bytes.Length;
    }

    private void WriteHeader(Span<byte> batch)
    {
        int attributes = (int)Codec;
        attributes |= IsTransactional ? RecordBatchHeader.TransactionalBit : 0;
        attributes |= IsControl ? RecordBatchHeader.ControlBit : 0;
        RecordBatchPatch.SetBaseOffset(batch, BaseOffset);
        int batchLength = batch.Length - RecordBatchHeader.LengthOverheadBytes;
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.BatchLengthAt..], batchLength);
        RecordBatchPatch.SetPartitionLeaderEpoch(batch, PartitionLeaderEpoch);
        batch[RecordBatchHeader.MagicAt] = (byte)RecordBatchHeader.MagicV2;
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.AttributesAt..], (short)attributes);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.LastOffsetDeltaAt..], _count - 1);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseTimestampAt..], _baseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.ProducerIdAt..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.ProducerEpochAt..], ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.BaseSequenceAt..], BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.RecordCountAt..], _count);
        RecordBatchPatch.SetMaxTimestamp(batch, _maxTimestamp);
    }
}
