using System.Buffers.Binary;
using PipeRoll.Streams;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// A batch that says what it is, so that a reader recognises it: stream, base offset, count, attempt and length,
/// then a filling that depends on all of these.
/// </summary>
internal sealed class ScenarioBatch
{
    public const int HeaderBytes = 32;

    private ScenarioBatch(long baseOffset, int count, long timestamp, byte[] bytes)
    {
        BaseOffset = baseOffset;
        Count = count;
        Timestamp = timestamp;
        Bytes = bytes;
    }

    public long BaseOffset { get; }

    public int Count { get; }

    public long Timestamp { get; }

    public byte[] Bytes { get; }

    public long EndOffset => BaseOffset + Count;

    /// <summary>Its append ended with an error; it may be stored nevertheless, but nothing after it may be acknowledged.</summary>
    public bool Failed { get; set; }

    /// <summary>The replacement that was to drop this batch.</summary>
    public Replacement? DroppedBy { get; set; }

    public static ScenarioBatch Make(StreamId stream, long baseOffset, int count, long timestamp, int attempt, int length)
    {
        var bytes = new byte[length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, stream.Value);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), baseOffset);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(16), count);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(20), attempt);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), length);
        ulong state = ((ulong)attempt << 32) ^ (ulong)(baseOffset * 31) ^ (ulong)stream.Value ^ 0x9E3779B97F4A7C15;
        for (int i = 28; i < length; i++)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            bytes[i] = (byte)(state >> 56);
        }

        return new ScenarioBatch(baseOffset, count, timestamp, bytes);
    }

    public static long BaseOffsetOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);

    public static int LengthOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]);
}

/// <summary>One call of <see cref="IStream.ReplaceAsync"/>, whose outcome is in doubt until it returns or somebody reads.</summary>
internal sealed class Replacement
{
    private long _decidedAtStep = long.MaxValue;
    private bool _happened = true;

    /// <summary>A reader may miss the batches that it drops.</summary>
    public bool MayHaveHappened => _happened;

    public bool IsDecided => _decidedAtStep != long.MaxValue;

    /// <summary>From this step on it either has happened or never will.</summary>
    public long SettledAtStep { get; private set; } = long.MaxValue;

    /// <summary>A read that started at <paramref name="step"/> must not see the dropped batches any more.</summary>
    public bool HappenedBefore(long step) => _happened && _decidedAtStep < step;

    /// <summary>Its call failed, or its process died and the stream was opened anew.</summary>
    public void Settled(long step) => SettledAtStep = Math.Min(SettledAtStep, step);

    public override string ToString() =>
        !IsDecided ? "perhaps dropped" : _happened ? $"dropped at step {_decidedAtStep}" : $"not dropped, step {_decidedAtStep}";

    public void Decided(bool happened, long step)
    {
        _happened = happened;
        _decidedAtStep = step;
    }
}
