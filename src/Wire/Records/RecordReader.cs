namespace PipeRoll.Wire.Records;

/// <summary>Iterates the records of one batch without allocating. The records are decompressed already.</summary>
public ref struct RecordReader
{
    private readonly ReadOnlySpan<byte> _records;
    private readonly RecordBatchHeader _batch;
    private RecordLayout _layout;
    private int _left;

    /// <param name="records">What follows the header of the batch, decompressed.</param>
    public RecordReader(in RecordBatchHeader batch, ReadOnlySpan<byte> records)
    {
        _batch = batch;
        _records = records;
        _left = batch.RecordCount;
    }

    /// <summary>The record that <see cref="MoveNext"/> came to.</summary>
    public readonly Record Current => new(_records, _layout, _batch);

    public readonly RecordReader GetEnumerator() => this;

    /// <summary>False after as many records as the batch counts.</summary>
    /// <exception cref="WireFormatException">A record is malformed, or there are fewer than the batch counts.</exception>
    public bool MoveNext()
    {
        if (_left <= 0)
        {
            return false;
        }

        int position = _layout.End;
        if (!RecordLayout.TryParse(_records, position, out _layout))
        {
            throw new WireFormatException(
                $"the record at byte {position} of the batch at offset {_batch.BaseOffset} is malformed, {_left} records before its end");
        }

        _left--;
        return true;
    }
}
