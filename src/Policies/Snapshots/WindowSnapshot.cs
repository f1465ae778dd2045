using System.Text;
using PipeRoll.Policies.Windows;

namespace PipeRoll.Policies.Snapshots;

/// <summary>Writes and reads the state of one window: its keys in order, each with its events by rising time.</summary>
internal static class WindowSnapshot
{
    private const int KeyBytesMin = 24;
    private const int OlderBytesMin = 20;

    public static void Write(ByteWriter writer, PolicyWindow window, KeyedWindow state)
    {
        writer.Byte((byte)window.Aggregate);
        writer.Int32(state.KeyCount);
        foreach (WindowSeries series in state.SortedSeries())
        {
            writer.Utf8(series.Key);
            WriteEvents(writer, window, in series);
            if (window.IsTumbling)
            {
                WindowSeries[] older = series.Older ?? [];
                writer.Int32(older.Length);
                foreach (ref readonly WindowSeries length in older.AsSpan())
                {
                    WriteEvents(writer, window, in length);
                }
            }
        }
    }

    private static void WriteEvents(ByteWriter writer, PolicyWindow window, ref readonly WindowSeries series)
    {
        writer.Int64(series.NewestMs);
        writer.Int64(series.ClippedToMs);
        writer.Int32(series.Count);
        for (int i = 0; i < series.Count; i++)
        {
            writer.Int64(series.Entries[i].TimeMs);
            if (window.Aggregate == WindowAggregate.Distinct)
            {
                writer.Utf8(series.Texts[i]);
            }
            else if (!window.Aggregate.TakesNothing())
            {
                writer.Double(series.Entries[i].Value);
            }
        }
    }

    /// <exception cref="CorruptSnapshotException">The bytes cannot be the state of that window.</exception>
    public static KeyedWindow Read(ref ByteReader reader, PolicyWindow window)
    {
        if (reader.Byte() != (byte)window.Aggregate)
        {
            throw new CorruptSnapshotException($"The snapshot is damaged: window '{window.Name}' is of another kind there.");
        }
        var state = new KeyedWindow(window);
        int keys = reader.Count(KeyBytesMin);
        byte[]? last = null;
        for (int i = 0; i < keys; i++)
        {
            WindowSeries series = ReadSeries(ref reader, window);
            bool inOrder = last is null || last.AsSpan().SequenceCompareTo(series.Key) < 0;
            if (!inOrder || !state.TryAddRestored(in series))
            {
                throw Damaged(window, series.Key!);
            }
            last = series.Key;
        }
        if (keys > window.KeysMax || ((state.EventCount > window.EventsMax || state.ByteCount > window.BytesMax) && keys > 1))
        {
            throw new CorruptSnapshotException($"The snapshot is damaged: window '{window.Name}' holds more than its bounds allow.");
        }
        return state;
    }

    private static WindowSeries ReadSeries(ref ByteReader reader, PolicyWindow window)
    {
        byte[] key = reader.Utf8();
        WindowSeries series = ReadEvents(ref reader, window, key);
        int older = window.IsTumbling ? reader.Count(OlderBytesMin) : 0;
        long afterMs = long.MinValue;
        for (int i = 0; i < older; i++)
        {
            WindowSeries length = ReadEvents(ref reader, window, key);
            if (length.NewestMs <= afterMs || length.NewestMs >= series.NewestMs || length.Count == 0)
            {
                throw Damaged(window, key);
            }
            afterMs = length.NewestMs;
            series.AppendOlder(length);
        }
        return series;
    }

    private static WindowSeries ReadEvents(ref ByteReader reader, PolicyWindow window, byte[] key)
    {
        WindowSeries series = WindowSeries.Create(window.Aggregate, key, reader.Int64());
        series.ClippedToMs = reader.Int64();
        int count = reader.Count(window.Aggregate.TakesNothing() ? 8 : 12);
        if (count > window.EventsPerKeyMax)
        {
            throw Damaged(window, key);
        }
        long last = series.NewestMs - window.OverMs;
        for (int i = 0; i < count; i++)
        {
            long timeMs = reader.Int64();
            double value = 0;
            byte[]? text = null;
            if (window.Aggregate == WindowAggregate.Distinct)
            {
                text = reader.Utf8();
            }
            else if (!window.Aggregate.TakesNothing())
            {
                value = reader.Double();
            }
            if (!IsValue(window.Aggregate, value) || timeMs < last || timeMs > series.NewestMs || (i == 0 && timeMs == last))
            {
                throw Damaged(window, key);
            }
            series.Append(timeMs, value, text);
            last = timeMs;
        }
        return series;
    }

    private static bool IsValue(WindowAggregate aggregate, double value) => aggregate switch
    {
        WindowAggregate.DistinctApprox => ApproximateCount.IsCode(value),
        WindowAggregate.StdDev => Math.Abs(value) <= ExactSquares.ValueMax,
        _ => Math.Abs(value) <= ExactSum.ValueMax,
    };

    private static CorruptSnapshotException Damaged(PolicyWindow window, byte[] key) =>
        new($"The snapshot is damaged: key '{Encoding.UTF8.GetString(key)}' of window '{window.Name}' cannot be as it is there.");
}
