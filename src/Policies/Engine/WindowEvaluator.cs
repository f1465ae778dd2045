using System.Buffers.Text;
using System.Text;
using PipeRoll.Cel;
using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Events;
using PipeRoll.Policies.Windows;

namespace PipeRoll.Policies.Engine;

/// <summary>
/// Folds events into the state of one window and says what the window gives for each. A window whose expressions cannot be evaluated
/// for an event is left as it was, and its value is the error. Owner: one engine.
/// </summary>
internal sealed class WindowEvaluator(CompiledWindow compiled, KeyedWindow state, int index)
{
    /// <summary>The longest key or text, so that what a window keeps has a bound in bytes.</summary>
    private const int TextBytesMax = 1_024;

    private readonly PolicyWindow _window = compiled.Window;
    private readonly bool _isDistinct = compiled.Window.Aggregate.TakesText();
    private readonly double _valueMax = compiled.Window.Aggregate == WindowAggregate.StdDev ? ExactSquares.ValueMax : ExactSum.ValueMax;
    private readonly byte[] _keyBuffer = new byte[TextBytesMax];
    private readonly byte[] _textBuffer = new byte[TextBytesMax];

    public PolicyWindow Window => _window;

    public KeyedWindow State => state;

    /// <summary>Whether the last value came from a window that had to drop events of its key.</summary>
    public bool IsClipped { get; private set; }

    /// <summary>Whether the last value is missing because no event counts: not an error of the event.</summary>
    public bool IsEmpty { get; private set; }

    /// <summary>
    /// The first of three steps, with other work between them, that let what <see cref="Observe"/> will read travel from memory meanwhile.
    /// A window with the same key as the one before it has the same hash.
    /// </summary>
    public void FetchBucket(EventIntake intake)
    {
        if (KeyField < 0 || !intake.Slots.TryGetUtf8(KeyField, out ReadOnlySpan<byte> key) || key.Length > TextBytesMax)
        {
            return;
        }
        bool isAsBefore = index > 0 && intake.KeyOf(index - 1) is { IsKnown: true } before && before.Field == KeyField;
        int hash = isAsBefore ? intake.KeyOf(index - 1).Hash : KeyTable.HashOf(key);
        intake.KeyOf(index) = new EventIntake.KeyHash(true, KeyField, hash);
        state.Keys.FetchBucket(hash);
    }

    public void FetchSlot(EventIntake intake)
    {
        if (intake.KeyOf(index) is { IsKnown: true } key)
        {
            state.Keys.FetchSlot(key.Hash);
        }
    }

    public void FetchEvents(EventIntake intake)
    {
        if (intake.KeyOf(index) is { IsKnown: true } key)
        {
            state.Keys.FetchEvents(key.Hash);
        }
    }

    /// <summary>Folds the event, and gives the value that rules see.</summary>
    public CelValue Observe(EventIntake intake, ReadOnlySpan<CelValue> variables)
    {
        IsClipped = false;
        IsEmpty = false;
        bool counts = true;
        if (compiled.Where is not null && !compiled.Where.TryEvaluateBool(variables, out counts, out CelError? error))
        {
            return CelValue.Error(error!);
        }
        if (TakeText(intake.Slots, compiled.Key, compiled.KeyField, variables, _keyBuffer, "key", out ReadOnlySpan<byte> key) is { } noKey)
        {
            // An event that is none of the window's business needs no key.
            return counts ? CelValue.Error(noKey) : Reading(state.Empty());
        }
        double value = 0;
        ReadOnlySpan<byte> text = default;
        if (counts && compiled.Value is { } program)
        {
            CelError? problem = _isDistinct
                ? TakeText(intake.Slots, program, compiled.ValueField, variables, _textBuffer, "value", out text)
                : TakeNumber(program.Evaluate(variables), out value);
            if (problem is not null)
            {
                return CelValue.Error(problem);
            }
        }
        int hash = intake.KeyOf(index) is { IsKnown: true } known ? known.Hash : KeyTable.HashOf(key);
        return Reading(state.Observe(key, hash, intake.TimeMs, counts, value, text));
    }

    private CelValue Reading(WindowReading reading)
    {
        IsClipped = reading.IsClipped;
        IsEmpty = reading.IsEmpty;
        if (reading.IsEmpty)
        {
            return CelValue.Error(
                CelErrorCode.NoSuchField,
                $"no event counts in window '{_window.Name}'; give the window `empty: 0`, or ask first with has(windows.{_window.Name})");
        }
        return _window.Aggregate.IsWhole()
            ? CelValue.Int((long)reading.Value)
            : CelValue.Double(reading.Value);
    }

    private int KeyField => compiled.KeyField;

    private CelError? TakeNumber(in CelValue given, out double value)
    {
        value = given.Kind switch
        {
            CelKind.Double => given.DoubleValue,
            CelKind.Int => given.IntValue,
            CelKind.Uint => given.UintValue,
            _ => double.NaN,
        };
        if (given.IsError)
        {
            return given.ErrorValue;
        }
        // A comparison that NaN fails as well.
        return Math.Abs(value) <= _valueMax
            ? null
            : Wrong($"value of window '{_window.Name}' is no number up to 10^{(_valueMax < ExactSum.ValueMax ? 9 : 18)} in size");
    }

    /// <summary>A key or text in UTF-8: the field's own bytes where the expression is just a field.</summary>
    private CelError? TakeText(
        EventSlots slots, CelProgram program, int field, ReadOnlySpan<CelValue> variables, byte[] buffer, string what, out ReadOnlySpan<byte> text)
    {
        if (field >= 0 && slots.TryGetUtf8(field, out text))
        {
            return text.Length <= TextBytesMax ? null : TooLong(what);
        }
        CelValue given = program.Evaluate(variables);
        int length = 0;
        bool fits = given.Kind switch
        {
            CelKind.String => Encoding.UTF8.TryGetBytes(given.StringValue, buffer, out length),
            CelKind.Int => Utf8Formatter.TryFormat(given.IntValue, buffer, out length),
            CelKind.Uint => Utf8Formatter.TryFormat(given.UintValue, buffer, out length),
            CelKind.Bool => Utf8Formatter.TryFormat(given.BoolValue, buffer, out length, 'l'),
            _ => false,
        };
        text = buffer.AsSpan(0, length);
        return given.Kind switch
        {
            CelKind.Error => given.ErrorValue,
            _ when fits => null,
            CelKind.String => TooLong(what),
            _ => Wrong($"{what} of window '{_window.Name}' is a {given.Kind.ToString().ToLowerInvariant()}, no text or whole number"),
        };
    }

    private CelError TooLong(string what) => Wrong($"{what} of window '{_window.Name}' is longer than {TextBytesMax} bytes");

    private static CelError Wrong(string message) => new(CelErrorCode.Host, $"the {message}");
}
