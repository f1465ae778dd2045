using System.Globalization;

namespace PipeRoll.Simulation.Engine;

/// <summary>
/// Everything that a run decided, folded into one number: scheduling choices, time, and each I/O with its outcome.
/// Two runs with the same hash took the same course.
/// </summary>
public sealed class SimulationTrace
{
    private const ulong Prime = 0x9E3779B97F4A7C15;
    private readonly int _linesMax = Seeds.TraceLines;
    private readonly Queue<string>? _lines;
    private ulong _hash = 0xCBF29CE484222325;
    private double _nowMs;

    /// <param name="keepLines">Also keep the last events as text, for the report on a failure.</param>
    internal SimulationTrace(bool keepLines) => _lines = keepLines ? new Queue<string>() : null;

    public ulong Hash => _hash;

    public long Events { get; private set; }

    /// <summary>Whether <see cref="Say"/> is worth its string.</summary>
    public bool IsVerbose => _lines is not null;

    public IReadOnlyCollection<string> LastLines => _lines is null ? [] : _lines;

    /// <summary>Records an event of the environment or the scenario.</summary>
    public void Note(string what, long a = 0, long b = 0)
    {
        foreach (char c in what)
        {
            Mix(c);
        }

        Mix((ulong)a);
        Mix((ulong)b);
        Events++;
        if (_lines is not null)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"{what} {a} {b}"));
        }
    }

    /// <summary>Text for the reader of a failure only; not part of the hash.</summary>
    public void Say(string line)
    {
        if (_lines is null)
        {
            return;
        }

        if (_lines.Count == _linesMax)
        {
            _lines.Dequeue();
        }

        _lines.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{_nowMs,12:F3} {line}"));
    }

    /// <summary>Time has passed: in milliseconds before each line.</summary>
    internal void Time(long nowTicks)
    {
        Mix((ulong)nowTicks);
        _nowMs = (double)nowTicks / TimeSpan.TicksPerMillisecond;
    }

    internal void Step(int process, int index, int readyCount)
    {
        Mix(((ulong)(uint)process << 48) ^ ((ulong)(uint)index << 24) ^ (uint)readyCount);
        Events++;
    }

    private void Mix(ulong value)
    {
        _hash = (_hash ^ value) * Prime;
        _hash ^= _hash >> 29;
    }
}
