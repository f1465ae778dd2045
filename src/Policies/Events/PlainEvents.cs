using System.Buffers;
using System.Text;
using PipeRoll.Cel;

namespace PipeRoll.Policies.Events;

/// <summary>
/// Reads events in the form in which nearly all come: one object of texts without escapes and of plain numbers. It takes only what
/// <see cref="EventReader"/> reads to the same values in its own way, and leaves everything else to that, above all everything that is wrong.
/// Owner: one reader.
/// </summary>
internal sealed class PlainEvents
{
    private const int Unknown = -1;
    private const int NotPlain = -2;

    /// <summary>Up to here a number and its power of ten are exact as doubles, and so is rounding their quotient.</summary>
    private const int DoubleDigitsMax = 15;
    private const int LongDigitsMax = 18;

    /// <summary>After so many events in a row that were not plain, only one of so many is tried.</summary>
    private const int MissesMax = 16;
    private const int RetryEvery = 64;

    private static readonly SearchValues<byte> Stops = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(value => (byte)value), (byte)'"', (byte)'\\']);

    private static readonly double[] PowersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

    private readonly EventField[] _fields;
    private readonly EventSlots _slots;
    private readonly TimeFormat _timeFormat;
    private readonly long _stepMs;
    private readonly int _timeIndex;
    private readonly byte[][] _names;

    /// <summary>The names with the quote that ends them.</summary>
    private readonly byte[][] _endedNames;
    private int _misses;
    private int _untilRetry;

    public PlainEvents(EventSchema schema, EventSlots slots, int timeIndex)
    {
        _fields = [.. schema.Fields];
        _slots = slots;
        _timeFormat = schema.TimeFormat;
        _stepMs = schema.StepMs;
        _timeIndex = timeIndex;
        _names = [.. _fields.Select(field => Encoding.UTF8.GetBytes(field.Name))];
        _endedNames = [.. _names.Select(name => (byte[])[.. name, (byte)'"'])];
    }

    /// <summary>Whether events of a schema can be plain: all fields at the top level, with names that JSON writes as they are.</summary>
    public static bool CanRead(EventSchema schema) => schema.Fields.All(static field =>
        field.Path.Count == 0 && field.OtherPaths.Count == 0 && Encoding.UTF8.GetBytes(field.Name).AsSpan().IndexOfAny(Stops) < 0);

    /// <summary>Fills slots and <paramref name="seen"/>. False: the event is not plain, and what was filled means nothing.</summary>
    /// <param name="json">Valid UTF-8, at the beginning of the bytes that the slots know.</param>
    /// <param name="seen">All false.</param>
    /// <param name="timeMs">Set if the time is a field.</param>
    public bool TryRead(ReadOnlySpan<byte> json, bool[] seen, ref long timeMs)
    {
        if (_misses >= MissesMax && _untilRetry-- > 0)
        {
            return false;
        }
        bool isPlain = TryObject(json, seen, ref timeMs);
        _misses = isPlain ? 0 : _misses + 1;
        _untilRetry = RetryEvery;
        return isPlain;
    }

    private bool TryObject(ReadOnlySpan<byte> json, bool[] seen, ref long timeMs)
    {
        int at = 0;
        int expected = 0;
        byte before = (byte)'{';
        while (Take(json, ref at, before))
        {
            if (!Take(json, ref at, (byte)'"'))
            {
                return false;
            }
            int index = NameAt(json, ref at, expected);
            if (index == NotPlain || !Take(json, ref at, (byte)':'))
            {
                return false;
            }
            at = SkipSpace(json, at);
            if (index == Unknown ? !TrySkip(json, ref at) : !TryField(json, ref at, index, seen, ref timeMs))
            {
                return false;
            }
            expected = index + 1;
            before = (byte)',';
        }
        return Take(json, ref at, (byte)'}') && SkipSpace(json, at) == json.Length;
    }

    /// <summary>Producers write fields in one order, so the one after the last is the likeliest.</summary>
    private int NameAt(ReadOnlySpan<byte> json, ref int at, int expected)
    {
        if (expected < _endedNames.Length && json[at..].StartsWith(_endedNames[expected]))
        {
            at += _endedNames[expected].Length;
            return expected;
        }
        int start = at;
        if (!TryText(json, ref at))
        {
            return NotPlain;
        }
        ReadOnlySpan<byte> name = json[start..(at - 1)];
        for (int i = 0; i < _names.Length; i++)
        {
            if (name.SequenceEqual(_names[i]))
            {
                return i;
            }
        }
        return Unknown;
    }

    private bool TryField(ReadOnlySpan<byte> json, ref int at, int index, bool[] seen, ref long timeMs)
    {
        if (seen[index])
        {
            return false;
        }
        seen[index] = true;
        EventField field = _fields[index];
        switch (field.Type)
        {
            case FieldType.String or FieldType.Text:
                return TryTextField(json, ref at, index, ref timeMs);
            case FieldType.Double:
                return TryDoubleField(json, ref at, index, ref timeMs);
            case FieldType.Int:
                return TryIntField(json, ref at, index, ref timeMs);
            case FieldType.Timestamp:
                return TryTimestampField(json, ref at, index, ref timeMs);
            case FieldType.Bool:
                bool isTrue = TryWord(json, ref at, "true"u8);
                _slots.Set(index, CelValue.Bool(isTrue));
                return isTrue || TryWord(json, ref at, "false"u8);
            default:
                return false;
        }
    }

    private bool TryTextField(ReadOnlySpan<byte> json, ref int at, int index, ref long timeMs)
    {
        int start = at + 1;
        if (!TryQuoted(json, ref at))
        {
            return false;
        }
        _slots.SetText(index, start, at - 1 - start);
        if (index != _timeIndex)
        {
            return true;
        }
        bool isTime = TimeText.TryParse(json[start..(at - 1)], out long seconds, out int nanos);
        timeMs = (seconds * 1_000) + (nanos / 1_000_000);
        return isTime;
    }

    private bool TryDoubleField(ReadOnlySpan<byte> json, ref int at, int index, ref long timeMs)
    {
        if (!TryNumber(json, ref at, DoubleDigitsMax, out long digits, out int fraction))
        {
            return false;
        }
        double value = digits / PowersOfTen[fraction];
        _slots.Set(index, CelValue.Double(value));
        return index != _timeIndex || EventTimes.TryScale(value, _timeFormat, _stepMs, out timeMs);
    }

    private bool TryIntField(ReadOnlySpan<byte> json, ref int at, int index, ref long timeMs)
    {
        if (!TryNumber(json, ref at, LongDigitsMax, out long value, out int fraction) || fraction > 0)
        {
            return false;
        }
        _slots.Set(index, CelValue.Int(value));
        return index != _timeIndex || EventTimes.TryScale(value, _timeFormat, _stepMs, out timeMs);
    }

    private bool TryTimestampField(ReadOnlySpan<byte> json, ref int at, int index, ref long timeMs)
    {
        EventField field = _fields[index];
        long seconds;
        int nanos;
        if (field.Format == TimeFormat.Iso8601)
        {
            int start = at + 1;
            if (!TryQuoted(json, ref at) || !TimeText.TryParse(json[start..(at - 1)], out seconds, out nanos))
            {
                return false;
            }
        }
        else
        {
            if (!TryNumber(json, ref at, LongDigitsMax, out long number, out int fraction) || fraction > 0
                || !EventTimes.TryScale(number, field.Format, field.StepMs, out long ms))
            {
                return false;
            }
            (seconds, nanos) = EventTimes.Split(ms);
        }
        CelValue value = CelValue.Timestamp(seconds, nanos);
        _slots.Set(index, value);
        if (index == _timeIndex)
        {
            timeMs = (seconds * 1_000) + (nanos / 1_000_000);
        }
        return !value.IsError;
    }

    /// <summary>A value that no field wants.</summary>
    private static bool TrySkip(ReadOnlySpan<byte> json, ref int at) =>
        TryQuoted(json, ref at)
        || TryWord(json, ref at, "true"u8)
        || TryWord(json, ref at, "false"u8)
        || TryWord(json, ref at, "null"u8)
        || TryNumber(json, ref at, LongDigitsMax, out _, out _);

    /// <summary>A number without an exponent: its digits as one whole number, and how many of them are a fraction. Minus zero is left alone.</summary>
    private static bool TryNumber(ReadOnlySpan<byte> json, ref int at, int digitsMax, out long digits, out int fraction)
    {
        int next = at;
        bool isNegative = next < json.Length && json[next] == '-';
        next += isNegative ? 1 : 0;
        int first = next;
        digits = Digits(json, ref next, 0);
        int whole = next - first;
        fraction = 0;
        if (whole == 0 || (whole > 1 && json[first] == '0'))
        {
            return false;
        }
        if (next < json.Length && json[next] == '.')
        {
            int point = ++next;
            digits = Digits(json, ref next, digits);
            fraction = next - point;
            if (fraction == 0)
            {
                return false;
            }
        }
        if (whole + fraction > digitsMax || (next < json.Length && (json[next] | 0x20) == 'e') || (isNegative && digits == 0))
        {
            return false;
        }
        digits = isNegative ? -digits : digits;
        at = next;
        return true;
    }

    /// <summary>Runs over after more digits than anybody takes.</summary>
    private static long Digits(ReadOnlySpan<byte> json, ref int at, long before)
    {
        while (at < json.Length && (uint)(json[at] - '0') <= 9)
        {
            before = unchecked((before * 10) + (json[at++] - '0'));
        }
        return before;
    }

    private static bool TryQuoted(ReadOnlySpan<byte> json, ref int at)
    {
        if (at >= json.Length || json[at] != '"')
        {
            return false;
        }
        at++;
        return TryText(json, ref at);
    }

    /// <summary>Goes behind the quote that ends a text, if nothing in it is escaped.</summary>
    private static bool TryText(ReadOnlySpan<byte> json, ref int at)
    {
        int length = json[at..].IndexOfAny(Stops);
        if (length < 0 || json[at + length] != '"')
        {
            return false;
        }
        at += length + 1;
        return true;
    }

    private static bool TryWord(ReadOnlySpan<byte> json, ref int at, ReadOnlySpan<byte> word)
    {
        bool isThere = json[at..].StartsWith(word);
        at += isThere ? word.Length : 0;
        return isThere;
    }

    /// <summary>Goes behind the next byte that is no white space, if it is this one.</summary>
    private static bool Take(ReadOnlySpan<byte> json, ref int at, byte wanted)
    {
        int next = SkipSpace(json, at);
        bool isThere = next < json.Length && json[next] == wanted;
        at = isThere ? next + 1 : at;
        return isThere;
    }

    private static int SkipSpace(ReadOnlySpan<byte> json, int at)
    {
        while (at < json.Length && json[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            at++;
        }
        return at;
    }
}
