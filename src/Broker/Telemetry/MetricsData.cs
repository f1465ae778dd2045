namespace PipeRoll.Broker.Telemetry;

/// <summary>
/// Counts what is in OpenTelemetry's MetricsData, in protobuf form, without keeping any of it: resource_metrics (1), in it scope_metrics
/// (2), in it metrics (2), in it one of gauge (5), sum (7), histogram (9), exponential histogram (10), summary (11), in each data_points (1).
/// </summary>
internal static class MetricsData
{
    private static readonly int[] Kinds = [5, 7, 9, 10, 11];

    /// <returns>How many data points there are; null when the bytes are not protobuf.</returns>
    public static long? CountPoints(ReadOnlySpan<byte> bytes) => Count(bytes, 0);

    /// <param name="level">0 the whole, 1 resource metrics, 2 scope metrics, 3 a metric, 4 its data.</param>
    private static long? Count(ReadOnlySpan<byte> bytes, int level)
    {
        long points = 0;
        while (!bytes.IsEmpty)
        {
            if (!TryVarint(ref bytes, out ulong tag) || !TrySkip(ref bytes, (int)(tag & 7), out ReadOnlySpan<byte> content))
            {
                return null;
            }

            int field = (int)(tag >> 3);
            bool isMessage = (tag & 7) == 2;
            if (level == 4)
            {
                points += isMessage && field == 1 ? 1 : 0;
            }
            else if (isMessage && LeadsDown(level, field))
            {
                if (Count(content, level + 1) is not { } inner)
                {
                    return null;
                }

                points += inner;
            }
        }

        return points;
    }

    private static bool LeadsDown(int level, int field) => level switch
    {
        0 => field == 1,
        1 or 2 => field == 2,
        _ => Kinds.Contains(field),
    };

    private static bool TrySkip(ref ReadOnlySpan<byte> bytes, int wireType, out ReadOnlySpan<byte> content)
    {
        content = default;
        ulong length = 0;
        switch (wireType)
        {
            case 0:
                return TryVarint(ref bytes, out _);
            case 1:
                length = 8;
                break;
            case 2 when TryVarint(ref bytes, out length):
                break;
            case 5:
                length = 4;
                break;
            default:
                return false;
        }

        if (length > (ulong)bytes.Length)
        {
            return false;
        }

        content = bytes[..(int)length];
        bytes = bytes[(int)length..];
        return true;
    }

    private static bool TryVarint(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (int at = 0; at < bytes.Length && at < 10; at++)
        {
            value |= (ulong)(bytes[at] & 0x7F) << (7 * at);
            if (bytes[at] < 0x80)
            {
                bytes = bytes[(at + 1)..];
                return true;
            }
        }

        return false;
    }
}
