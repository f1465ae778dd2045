namespace PipeRoll.Workflows.Capture;

/// <summary>One physical line with its terminator. <see cref="IsCut"/>: it was longer than the bound, the rest was skipped.</summary>
internal readonly record struct SourceLine(long Number, byte[] Bytes, bool IsCut)
{
    /// <summary>The line without LF or CRLF.</summary>
    public ReadOnlySpan<byte> Content
    {
        get
        {
            ReadOnlySpan<byte> bytes = Bytes;
            if (bytes.EndsWith("\n"u8))
            {
                bytes = bytes[..^1];
            }

            return bytes.EndsWith("\r"u8) ? bytes[..^1] : bytes;
        }
    }

    public bool IsBlank => Content.Trim(" \t"u8).IsEmpty;
}

/// <summary>
/// Splits a byte stream into physical lines (LF or CRLF), numbers them from 1, drops a UTF-8 byte order mark, and lets a reader put lines
/// back so that it can begin again after a broken row. Memory: one line of at most <see cref="LineBytesMax"/> and what was put back.
/// </summary>
internal sealed class LineSource(Stream stream)
{
    /// <summary>A longer line is cut here; its rest is skipped.</summary>
    public const int LineBytesMax = 900_000;

    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly Stack<SourceLine> _putBack = new();
    private int _start;
    private int _end;
    private long _number;
    private bool _isStarted;

    /// <summary>The next line; false at the end of the stream.</summary>
    public bool TryNext(out SourceLine line)
    {
        if (_putBack.TryPop(out line))
        {
            return true;
        }

        if (_start == _end && !Fill())
        {
            return false;
        }

        int length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n') + 1;
        if (length > 0)
        {
            line = new SourceLine(++_number, _buffer.AsSpan(_start, length).ToArray(), IsCut: false);
            _start += length;
        }
        else
        {
            line = LongLine();
        }

        return true;
    }

    /// <summary>The lines will be read again, in their order, before anything else.</summary>
    public void PutBack(IReadOnlyList<SourceLine> lines, int from)
    {
        for (int index = lines.Count - 1; index >= from; index--)
        {
            _putBack.Push(lines[index]);
        }
    }

    private SourceLine LongLine()
    {
        using var gathered = new MemoryStream();
        bool isCut = false;
        bool ended = false;
        while (!ended && (_start < _end || Fill()))
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(_start, _end - _start);
            int newline = rest.IndexOf((byte)'\n');
            ended = newline >= 0;
            ReadOnlySpan<byte> part = ended ? rest[..(newline + 1)] : rest;
            int room = (int)Math.Min(part.Length, LineBytesMax - gathered.Length);
            gathered.Write(part[..room]);
            isCut |= room < part.Length;
            _start += part.Length;
        }

        return new SourceLine(++_number, gathered.ToArray(), isCut);
    }

    private bool Fill()
    {
        _start = 0;
        _end = stream.Read(_buffer);
        if (!_isStarted && _end > 0)
        {
            _end += stream.ReadAtLeast(_buffer.AsSpan(_end), Math.Max(0, 3 - _end), throwOnEndOfStream: false);
            _start = _buffer.AsSpan(0, _end).StartsWith("\uFEFF"u8) ? 3 : 0;
        }

        _isStarted = true;
        return _start < _end || (_end > 0 && Fill());
    }
}
