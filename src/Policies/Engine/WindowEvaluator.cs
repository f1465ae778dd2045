using System.Globalization;
using PipeRoll.Cel;
using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Records;
using PipeRoll.Policies.Windows;

namespace PipeRoll.Policies.Engine;

/// <summary>
/// Folds events into the state of one window and says what the window gives for each. A window whose expressions cannot be evaluated
/// for an event is left as it was, and its value is the error. Owner: one engine.
/// </summary>
internal sealed class WindowEvaluator(CompiledWindow compiled, KeyedWindow state)
{
    private const int KeyCharsMax = 1_024;
    private readonly PolicyWindow _window = compiled.Window;

    public PolicyWindow Window => _window;

    public KeyedWindow State => state;

    /// <summary>Whether the last value came from a window that had to drop events of its key.</summary>
    public bool IsClipped { get; private set; }

    /// <summary>Folds the event, and gives the value that rules see.</summary>
    public CelValue Observe(ReadOnlySpan<CelValue> variables, long eventTimeMs)
    {
        IsClipped = false;
        bool counts = true;
        if (compiled.Where is not null && !compiled.Where.TryEvaluateBool(variables, out counts, out CelError? error))
        {
            return CelValue.Error(error!);
        }
        CelValue key = compiled.Key.Evaluate(variables);
        if (key.IsError && !counts)
        {
            // The event is none of the window's business, so it needs no key.
            return Reading(state.Empty());
        }
        double value = 0;
        string? text = null;
        if (counts && compiled.Value is not null)
        {
            CelValue given = compiled.Value.Evaluate(variables);
            if (given.IsError)
            {
                return given;
            }
            CelError? problem = _window.Aggregate == WindowAggregate.Distinct ? ToText(given, out text) : ToNumber(given, out value);
            if (problem is not null)
            {
                return CelValue.Error(problem);
            }
        }
        Span<char> buffer = stackalloc char[32];
        return key.Kind switch
        {
            CelKind.String when key.StringValue.Length > KeyCharsMax =>
                CelValue.Error($"the key of window '{_window.Name}' has {key.StringValue.Length} characters, more than {KeyCharsMax}"),
            CelKind.String => Reading(state.Observe(key.StringValue, eventTimeMs, counts, value, text)),
            CelKind.Int => Reading(state.Observe(Formatted(key.IntValue, buffer), eventTimeMs, counts, value, text)),
            CelKind.Uint => Reading(state.Observe(Formatted(key.UintValue, buffer), eventTimeMs, counts, value, text)),
            CelKind.Bool => Reading(state.Observe(key.BoolValue ? "true" : "false", eventTimeMs, counts, value, text)),
            CelKind.Error => key,
            _ => CelValue.Error($"the key of window '{_window.Name}' is a {key.Kind.ToString().ToLowerInvariant()}, which cannot be a key"),
        };
    }

    private static ReadOnlySpan<char> Formatted<T>(T value, Span<char> buffer)
        where T : ISpanFormattable
    {
        value.TryFormat(buffer, out int written, default, CultureInfo.InvariantCulture);
        return buffer[..written];
    }

    private CelValue Reading(WindowReading reading)
    {
        IsClipped = reading.IsClipped;
        if (reading.IsEmpty)
        {
            return CelValue.Error(
                CelErrorCode.NoSuchField,
                $"no event counts in window '{_window.Name}'; give the window `empty: 0`, or ask first with has(windows.{_window.Name})");
        }
        return _window.Aggregate is WindowAggregate.Count or WindowAggregate.Distinct
            ? CelValue.Int((long)reading.Value)
            : CelValue.Double(reading.Value);
    }

    private CelError? ToNumber(in CelValue given, out double value)
    {
        value = given.Kind switch
        {
            CelKind.Double => given.DoubleValue,
            CelKind.Int => given.IntValue,
            CelKind.Uint => given.UintValue,
            _ => double.NaN,
        };
        // A comparison that NaN fails as well.
        return Math.Abs(value) <= ExactSum.ValueMax
            ? null
            : new CelError(CelErrorCode.Host, $"the value of window '{_window.Name}' is no number up to {NumberText.ToText(ExactSum.ValueMax)} in size");
    }

    private CelError? ToText(in CelValue given, out string? text)
    {
        text = given.Kind switch
        {
            CelKind.String => given.StringValue,
            CelKind.Int => given.IntValue.ToString(CultureInfo.InvariantCulture),
            CelKind.Uint => given.UintValue.ToString(CultureInfo.InvariantCulture),
            CelKind.Bool => given.BoolValue ? "true" : "false",
            _ => null,
        };
        return text is { Length: <= KeyCharsMax }
            ? null
            : new CelError(CelErrorCode.Host, $"the value of window '{_window.Name}' is no text of at most {KeyCharsMax} characters");
    }
}
