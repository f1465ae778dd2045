namespace PipeRoll.Wire.Records;

/// <summary>One record of a batch, as slices of the bytes it was read from; valid as long as they are.</summary>
public readonly ref struct Record
{
    private readonly ReadOnlySpan<byte> _records;
    private readonly RecordLayout _layout;
    private readonly long _baseOffset;
    private readonly long _baseTimestamp;
    private readonly bool _isLogAppendTime;

    internal Record(ReadOnlySpan<byte> records, scoped in RecordLayout layout, scoped in RecordBatchHeader batch)
    {
        _records = records;
        _layout = layout;
        _baseOffset = batch.BaseOffset;
        _isLogAppendTime = batch.IsLogAppendTime;
        _baseTimestamp = _isLogAppendTime ? batch.MaxTimestamp : batch.BaseTimestamp;
    }

    public long Offset => _baseOffset + _layout.OffsetDelta;

    public int OffsetDelta => _layout.OffsetDelta;

    /// <summary>Milliseconds since 1970 UTC; the batch's own if the broker stamped it.</summary>
    public long Timestamp => _isLogAppendTime ? _baseTimestamp : _baseTimestamp + _layout.TimestampDelta;

    public bool IsKeyNull => _layout.KeyLength < 0;

    public bool IsValueNull => _layout.ValueLength < 0;

    /// <summary>Empty if the key is empty or null: see <see cref="IsKeyNull"/>.</summary>
    public ReadOnlySpan<byte> Key => IsKeyNull ? default : _records.Slice(_layout.KeyAt, _layout.KeyLength);

    /// <summary>Empty if the value is empty or null: see <see cref="IsValueNull"/>.</summary>
    public ReadOnlySpan<byte> Value => IsValueNull ? default : _records.Slice(_layout.ValueAt, _layout.ValueLength);

    public int HeaderCount => _layout.HeaderCount;

    public RecordHeaderReader Headers => new(_records[_layout.HeadersAt.._layout.End], _layout.HeaderCount);
}

/// <summary>Iterates the headers of one record without allocating.</summary>
public ref struct RecordHeaderReader
{
    private readonly ReadOnlySpan<byte> _headers;
    private int _left;
    private int _position;

    internal RecordHeaderReader(ReadOnlySpan<byte> headers, int count)
    {
        _headers = headers;
        _left = count;
    }

    /// <summary>UTF-8, by custom of the clients: not checked.</summary>
    public ReadOnlySpan<byte> Key { get; private set; }

    /// <summary>Empty if the value is empty or null: see <see cref="IsValueNull"/>.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    public bool IsValueNull { get; private set; }

    /// <exception cref="WireFormatException">The headers are malformed: never so after the record was read.</exception>
    public bool MoveNext()
    {
        if (_left == 0)
        {
            return false;
        }

        _left--;
        if (!RecordLayout.TrySkip(_headers, ref _position, out int keyAt, out int keyLength) || keyLength < 0
            || !RecordLayout.TrySkip(_headers, ref _position, out int valueAt, out int valueLength))
        {
            throw new WireFormatException($"a record header is malformed at byte {_position} of the headers");
        }

        Key = _headers.Slice(keyAt, keyLength);
        IsValueNull = valueLength < 0;
        Value = IsValueNull ? default : _headers.Slice(valueAt, valueLength);
        return true;
    }
}
