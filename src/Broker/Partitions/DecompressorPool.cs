using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Partitions;

/// <summary>
/// Decompressors are not thread-safe and keep working memory: as many exist as were ever in use at a time, up to a bound.
/// </summary>
/// <remarks>Any thread.</remarks>
internal sealed class DecompressorPool : IDisposable
{
    private const int IdleMax = 32;

    private readonly Lock _gate = new();
    private readonly Stack<RecordDecompressor> _idle = new();

    public RecordDecompressor Take()
    {
        lock (_gate)
        {
            return _idle.TryPop(out RecordDecompressor? idle) ? idle : new RecordDecompressor();
        }
    }

    public void Return(RecordDecompressor decompressor)
    {
        lock (_gate)
        {
            if (_idle.Count < IdleMax)
            {
                _idle.Push(decompressor);
                return;
            }
        }

        decompressor.Dispose();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            while (_idle.TryPop(out RecordDecompressor? idle))
            {
                idle.Dispose();
            }
        }
    }
}
