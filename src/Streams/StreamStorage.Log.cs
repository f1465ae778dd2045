using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Wal;

namespace PipeRoll.Streams;

/// <summary>Which write-ahead log it is.</summary>
public sealed partial class StreamStorage
{
    private WriteAheadLog MakeLog()
    {
        if (!Broker.IsNone)
        {
            throw new NotSupportedException();
        }

        IWalDevice device = _parts.WalDevice ?? throw new ArgumentException("the embedded storage needs a device for its write-ahead log");
        return new WriteAheadLog(
            device, Options, Time, _parts.Random, Metrics, _logger, _parts.WalScheduler, () => Cache.Wake(force: true), End);
    }

    private ValueTask TakeOverAsync(BrokerRecord dead, CancellationToken cancellation) => throw new NotSupportedException();
}
