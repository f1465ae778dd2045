using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace PipeRoll.Cel;

/// <summary>
/// Any value of the language in 24 bytes: a kind, 64 bits, nanoseconds, and a reference. Scalars, timestamps and durations
/// live inside; strings, bytes, lists, maps, structs, types and errors are held by reference. <c>default</c> is null.
/// <see cref="Equals(CelValue)"/> is the language's equality, except that NaN equals itself (see <see cref="AreEqual"/>).
/// </summary>
public readonly partial struct CelValue : IEquatable<CelValue>
{
    private readonly object? _reference;
    private readonly long _bits;
    private readonly int _nanos;
    private readonly CelKind _kind;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private CelValue(CelKind kind, long bits, object? reference = null, int nanos = 0)
    {
        _reference = reference;
        _bits = bits;
        _nanos = nanos;
        _kind = kind;
    }

    public static CelValue Null => default;

    public static CelValue True => new(CelKind.Bool, 1);

    public static CelValue False => new(CelKind.Bool, 0);

    public CelKind Kind => _kind;

    public bool IsNull => _kind == CelKind.Null;

    public bool IsError => _kind == CelKind.Error;

    public static CelValue Bool(bool value) => new(CelKind.Bool, value ? 1 : 0);

    public static CelValue Int(long value) => new(CelKind.Int, value);

    public static CelValue Uint(ulong value) => new(CelKind.Uint, unchecked((long)value));

    public static CelValue Double(double value) => new(CelKind.Double, BitConverter.DoubleToInt64Bits(value));

    /// <summary>Text, without unpaired surrogates. Null becomes the null value.</summary>
    public static CelValue String(string? value) => value is null ? default : new(CelKind.String, 0, value);

    /// <summary>Bytes that nobody changes any more.</summary>
    public static CelValue Bytes(byte[] value) => new(CelKind.Bytes, 0, value);

    public static CelValue List(CelList value) => new(CelKind.List, 0, value);

    public static CelValue List(params CelValue[] elements) => List(CelList.Of(elements));

    public static CelValue Map(CelMap value) => new(CelKind.Map, 0, value);

    public static CelValue Struct(CelStruct value) => new(CelKind.Struct, 0, value);

    public static CelValue Type(CelType value) => new(CelKind.Type, 0, value);

    public static CelValue Error(CelError error) => new(CelKind.Error, 0, error);

    public static CelValue Error(CelErrorCode code, string message) => Error(new CelError(code, message));

    /// <summary>An error of the host's own making.</summary>
    public static CelValue Error(string message) => Error(CelErrorCode.Host, message);

    /// <summary>A point in time between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z.</summary>
    /// <param name="seconds">Since 1970-01-01T00:00:00Z.</param>
    /// <param name="nanos">0 to 999,999,999, always forward in time.</param>
    /// <returns>The timestamp, or an overflow error value.</returns>
    public static CelValue Timestamp(long seconds, int nanos = 0) =>
        seconds is < CelTime.MinTimestampSeconds or > CelTime.MaxTimestampSeconds || nanos is < 0 or >= CelTime.NanosPerSecond
            ? Error(CelErrorCode.Overflow, "timestamp out of range: it must lie in the years 0001 to 9999")
            : new CelValue(CelKind.Timestamp, seconds, null, nanos);

    public static CelValue Timestamp(DateTimeOffset value)
    {
        long ticks = value.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        (long seconds, long rest) = Math.DivRem(ticks, TimeSpan.TicksPerSecond);
        if (rest < 0)
        {
            rest += TimeSpan.TicksPerSecond;
            seconds--;
        }

        return new CelValue(CelKind.Timestamp, seconds, null, (int)rest * 100);
    }

    /// <summary>A timestamp of milliseconds since 1970, as Kafka's records carry it; an overflow error value when out of range.</summary>
    public static CelValue TimestampFromUnixMs(long unixMs)
    {
        (long seconds, long rest) = Math.DivRem(unixMs, 1000);
        if (rest < 0)
        {
            rest += 1000;
            seconds--;
        }

        return Timestamp(seconds, (int)rest * 1_000_000);
    }

    /// <summary>A length of time that fits into 64 bits of nanoseconds (±292 years); both parts have the same sign.</summary>
    /// <returns>The duration, or an overflow error value.</returns>
    public static CelValue Duration(long seconds, int nanos = 0) =>
        seconds is < -CelTime.MaxDurationSeconds or > CelTime.MaxDurationSeconds
            || ((Int128)seconds * CelTime.NanosPerSecond) + nanos is var total && (total > long.MaxValue || total < long.MinValue)
            ? Error(CelErrorCode.Overflow, "duration out of range: it must lie within ±9223372036s")
            : new CelValue(CelKind.Duration, seconds, null, nanos);

    /// <summary>The duration of a time span, or an overflow error value.</summary>
    public static CelValue Duration(TimeSpan value) =>
        Duration(value.Ticks / TimeSpan.TicksPerSecond, (int)(value.Ticks % TimeSpan.TicksPerSecond) * 100);

    /// <summary>An optional that holds a value.</summary>
    public static CelValue OptionalOf(in CelValue value) => new(CelKind.Optional, 1, new CelOptional(value));

    /// <summary>The optional that holds nothing.</summary>
    public static CelValue OptionalNone => new(CelKind.Optional, 0);

    public bool BoolValue => Is(CelKind.Bool) && _bits != 0;

    public long IntValue => Is(CelKind.Int) ? _bits : 0;

    public ulong UintValue => Is(CelKind.Uint) ? unchecked((ulong)_bits) : 0;

    public double DoubleValue => Is(CelKind.Double) ? BitConverter.Int64BitsToDouble(_bits) : 0;

    public string StringValue => Is(CelKind.String) ? Unsafe.As<string>(_reference!) : "";

    public byte[] BytesValue => Is(CelKind.Bytes) ? Unsafe.As<byte[]>(_reference!) : [];

    public CelList ListValue => Is(CelKind.List) ? Unsafe.As<CelList>(_reference!) : CelList.Empty;

    public CelMap MapValue => Is(CelKind.Map) ? Unsafe.As<CelMap>(_reference!) : CelMap.Empty;

    public CelStruct StructValue => Is(CelKind.Struct) ? Unsafe.As<CelStruct>(_reference!) : null!;

    public CelType TypeValue => Is(CelKind.Type) ? Unsafe.As<CelType>(_reference!) : null!;

    public CelError ErrorValue => Is(CelKind.Error) ? Unsafe.As<CelError>(_reference!) : null!;

    /// <summary>Timestamp: seconds since 1970. Duration: whole seconds, with the sign of the duration.</summary>
    public long Seconds => _kind == CelKind.Timestamp || Is(CelKind.Duration) ? _bits : 0;

    /// <summary>Timestamp: 0 to 999,999,999. Duration: the part below a second, with the sign of the duration.</summary>
    public int Nanos => _kind == CelKind.Timestamp || Is(CelKind.Duration) ? _nanos : 0;

    /// <summary>For an optional: whether it holds a value.</summary>
    public bool HasOptionalValue => Is(CelKind.Optional) && _bits != 0;

    /// <summary>For an optional that holds one: the value.</summary>
    public CelValue OptionalValue => HasOptionalValue ? Unsafe.As<CelOptional>(_reference!).Value : default;

    internal long RawBits => _bits;

    /// <summary>0 for scalars, else the number of UTF-16 units, bytes or elements inside, however deep.</summary>
    internal long Weight => _kind switch
    {
        CelKind.String => Unsafe.As<string>(_reference!).Length,
        CelKind.Bytes => Unsafe.As<byte[]>(_reference!).Length,
        CelKind.List => Unsafe.As<CelList>(_reference!).Weight,
        CelKind.Map => Unsafe.As<CelMap>(_reference!).Weight,
        CelKind.Struct => Unsafe.As<CelStruct>(_reference!).Weight,
        CelKind.Optional when _bits != 0 => 1 + OptionalValue.Weight,
        _ => 0,
    };

    /// <summary>How deep lists, maps, structs and optionals are nested in it: 0 for scalars, 1 for a list of scalars.</summary>
    internal int Depth => _kind switch
    {
        CelKind.List => Unsafe.As<CelList>(_reference!).Depth,
        CelKind.Map => Unsafe.As<CelMap>(_reference!).Depth,
        CelKind.Struct => Unsafe.As<CelStruct>(_reference!).Depth,
        CelKind.Optional when _bits != 0 => Unsafe.As<CelOptional>(_reference!).Depth,
        _ => 0,
    };

    internal object? RawReference => _reference;

    /// <summary>The sum, which never overflows.</summary>
    internal static long AddWeights(long left, long right) => Math.Min(left + right, long.MaxValue / 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Is(CelKind kind)
    {
        if (_kind != kind)
        {
            ThrowWrongKind(kind);
        }

        return true;
    }

    [DoesNotReturn]
    private void ThrowWrongKind(CelKind wanted) =>
        throw new InvalidOperationException($"The CEL value is of kind {_kind}, not {wanted}; look at Kind first.");
}

internal sealed class CelOptional(CelValue value)
{
    public CelValue Value { get; } = value;

    public int Depth { get; } = 1 + value.Depth;
}
