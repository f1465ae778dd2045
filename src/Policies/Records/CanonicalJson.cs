using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace PipeRoll.Policies.Records;

/// <summary>
/// Writes JSON whose bytes depend on nothing but its content: no white space, strings and numbers as in RFC 8785.
/// The order of members is the caller's. Owner: one thread; the buffer is reused: what <see cref="Written"/> gives is valid until the
/// next write.
/// </summary>
internal sealed class CanonicalJson
{
    private static readonly SearchValues<byte> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(value => (byte)value), (byte)'"', (byte)'\\']);

    private byte[] _buffer = new byte[4_096];
    private int _length;

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    public int Length => _length;

    public void Clear() => _length = 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Raw(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length - _length < bytes.Length)
        {
            Grow(bytes.Length);
        }
        bytes.CopyTo(_buffer.AsSpan(_length));
        _length += bytes.Length;
    }

    public void Raw(byte value)
    {
        Reserve(1);
        _buffer[_length++] = value;
    }

    public void Integer(long value)
    {
        Reserve(20);
        Utf8Formatter.TryFormat(value, _buffer.AsSpan(_length), out int written);
        _length += written;
    }

    /// <summary>A number as ECMAScript writes it (RFC 8785, section 3.2.2.3). What JSON cannot say becomes a string.</summary>
    public void Number(double value)
    {
        Reserve(64);
        if (!double.IsFinite(value))
        {
            String(value.ToString(CultureInfo.InvariantCulture));
            return;
        }
        _length += NumberText.Format(value, _buffer.AsSpan(_length));
    }

    public void Hex(ReadOnlySpan<byte> bytes)
    {
        Reserve((bytes.Length * 2) + 2);
        _buffer[_length++] = (byte)'"';
        Convert.TryToHexStringLower(bytes, _buffer.AsSpan(_length), out int written);
        _length += written;
        _buffer[_length++] = (byte)'"';
    }

    public void String(ReadOnlySpan<char> text)
    {
        Raw((byte)'"');
        Escape(text);
        Raw((byte)'"');
    }

    /// <summary>The inside of a string: for texts that are put together from parts.</summary>
    public void Escape(ReadOnlySpan<char> text)
    {
        // Texts without anything to escape, which is nearly all of them, go straight into the buffer.
        Reserve(Encoding.UTF8.GetMaxByteCount(text.Length));
        Span<byte> into = _buffer.AsSpan(_length);
        int count = Encoding.UTF8.GetBytes(text, into);
        if (into[..count].IndexOfAny(Escaped) < 0)
        {
            _length += count;
            return;
        }
        Escape(into[..count].ToArray());
    }

    /// <summary>A string from valid UTF-8.</summary>
    public void String(ReadOnlySpan<byte> utf8)
    {
        Reserve(utf8.Length + 2);
        _buffer[_length++] = (byte)'"';
        Escape(utf8);
        Raw((byte)'"');
    }

    /// <summary>The inside of a string, from valid UTF-8.</summary>
    public void Escape(ReadOnlySpan<byte> utf8)
    {
        while (true)
        {
            int plain = utf8.IndexOfAny(Escaped);
            if (plain < 0)
            {
                Raw(utf8);
                return;
            }
            Raw(utf8[..plain]);
            EscapeOne(utf8[plain]);
            utf8 = utf8[(plain + 1)..];
        }
    }

    private void EscapeOne(byte value)
    {
        ReadOnlySpan<byte> known = value switch
        {
            (byte)'"' => "\\\""u8,
            (byte)'\\' => "\\\\"u8,
            (byte)'\b' => "\\b"u8,
            (byte)'\t' => "\\t"u8,
            (byte)'\n' => "\\n"u8,
            (byte)'\f' => "\\f"u8,
            (byte)'\r' => "\\r"u8,
            _ => default,
        };
        if (known.Length > 0)
        {
            Raw(known);
            return;
        }
        Raw("\\u00"u8);
        Raw(value < 16 ? (byte)'0' : (byte)'1');
        Raw("0123456789abcdef"u8[value & 15]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Reserve(int count)
    {
        if (_buffer.Length - _length < count)
        {
            Grow(count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int count) => Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, checked(_length + count)));
}
