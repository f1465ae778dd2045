using System.Runtime.CompilerServices;

namespace PipeRoll.Wire.Records;

/// <summary>
/// Where the parts of one record are, relative to the start of the records (https://kafka.apache.org/documentation/#record).
/// A length of -1 is a null.
/// </summary>
internal struct RecordLayout
{
    public long TimestampDelta;
    public int OffsetDelta;
    public int KeyAt;
    public int KeyLength;
    public int ValueAt;
    public int ValueLength;
    public int HeadersAt;
    public int HeaderCount;

    /// <summary>The position after the record.</summary>
    public int End;

    /// <summary>
    /// Parses the record at <paramref name="position"/>, headers included, and finds that its parts fill its length exactly.
    /// </summary>
    /// <returns>False if it is malformed; the layout is then meaningless.</returns>
    public static bool TryParse(ReadOnlySpan<byte> records, int position, out RecordLayout layout)
    {
        layout = default;
        if (!Varint.TryRead(records, ref position, out int length) || length < 0 || length > records.Length - position)
        {
            return false;
        }

        int end = position + length;
        ReadOnlySpan<byte> record = records[..end];

        // The attributes of a record have no meaning yet, and no value of them is refused.
        position++;
        if (!Varint.TryRead(record, ref position, out long timestampDelta)
            || !Varint.TryRead(record, ref position, out int offsetDelta)
            || !TrySkip(record, ref position, out int keyAt, out int keyLength)
            || !TrySkip(record, ref position, out int valueAt, out int valueLength)
            || !Varint.TryRead(record, ref position, out int headerCount)
            || headerCount < 0)
        {
            return false;
        }

        layout.TimestampDelta = timestampDelta;
        layout.OffsetDelta = offsetDelta;
        layout.KeyAt = keyAt;
        layout.KeyLength = keyLength;
        layout.ValueAt = valueAt;
        layout.ValueLength = valueLength;
        layout.HeadersAt = position;
        layout.HeaderCount = headerCount;
        layout.End = end;
        return headerCount == 0 ? position == end : HeadersEndAt(record, position, headerCount) == end;
    }

    /// <summary>The position after the headers, -1 if they are malformed.</summary>
    private static int HeadersEndAt(ReadOnlySpan<byte> record, int position, int count)
    {
        for (int index = 0; index < count; index++)
        {
            bool isWhole = TrySkip(record, ref position, out _, out int keyLength) && keyLength >= 0
                && TrySkip(record, ref position, out _, out _);
            if (!isWhole)
            {
                return -1;
            }
        }

        return position;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TrySkip(ReadOnlySpan<byte> record, ref int position, out int at, out int length)
    {
        if (!Varint.TryRead(record, ref position, out length) || length < -1 || length > record.Length - position)
        {
            at = 0;
            return false;
        }

        at = position;
        position += length < 0 ? 0 : length;
        return true;
    }
}
