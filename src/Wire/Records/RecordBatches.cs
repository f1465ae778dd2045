using System.Buffers.Binary;

namespace PipeRoll.Wire.Records;

/// <summary>Walks over batches that lie behind each other, as a stream stores and a fetch returns them.</summary>
public static class RecordBatches
{
    /// <summary>
    /// Takes the first batch off <paramref name="rest"/>. A batch that is cut off at the end is left out, as clients do
    /// (a fetch may cut the last one); its records and its checksum are not looked at.
    /// </summary>
    /// <returns>False at the end, or if only a part of a batch is left.</returns>
    /// <exception cref="WireFormatException">The bytes are not a batch of format 2.</exception>
    public static bool TryTakeFirst(ref ReadOnlyMemory<byte> rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch)
    {
        batch = default;
        if (!RecordBatchHeader.TryRead(rest.Span, out header))
        {
            return false;
        }

        if (header.Magic != RecordBatchHeader.MagicV2 || header.SizeBytes < RecordBatchHeader.Bytes)
        {
            throw new WireFormatException($"no batch of format 2: magic {header.Magic}, length {header.BatchLength}");
        }

        if (header.SizeBytes > rest.Length)
        {
            return false;
        }

        batch = rest[..(int)header.SizeBytes];
        rest = rest[(int)header.SizeBytes..];
        return true;
    }

    /// <summary>The size of the batch that begins here, in bytes; 0 if there are too few bytes to tell.</summary>
    public static long PeekSizeBytes(ReadOnlySpan<byte> bytes) =>
        bytes.Length < RecordBatchHeader.LengthOverheadBytes
            ? 0
            : (long)BinaryPrimitives.ReadInt32BigEndian(bytes[RecordBatchHeader.BatchLengthAt..]) + RecordBatchHeader.LengthOverheadBytes;

    /// <summary>The records of one whole batch, decompressed if they are compressed.</summary>
    /// <param name="bytesMax">The most that may come out of decompression, in bytes.</param>
    /// <param name="lease">What the records lie in, to be disposed after use; null if they lie in the batch itself.</param>
    /// <exception cref="WireFormatException">The records cannot be decompressed within the bound.</exception>
    public static ReadOnlyMemory<byte> OpenRecords(
        in RecordBatchHeader header, ReadOnlyMemory<byte> batch, RecordDecompressor decompressor, int bytesMax, out PooledBytes? lease)
    {
        ReadOnlyMemory<byte> records = batch[RecordBatchHeader.Bytes..];
        lease = null;
        if (header.Codec == CompressionCodec.None)
        {
            return records;
        }

        DecompressionOutcome outcome = decompressor.Decompress(header.Codec, records, bytesMax, out lease);
        return lease?.Memory
            ?? throw new WireFormatException($"the batch at offset {header.BaseOffset} cannot be decompressed: {header.Codec}, {outcome}");
    }
}
