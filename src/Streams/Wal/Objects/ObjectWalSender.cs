using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>Puts one group into its object, and finds out whether the object that is there then is ours.</summary>
/// <remarks>Several calls at a time. Keeps the memory of a few headers for the next groups.</remarks>
internal sealed class ObjectWalSender(ObjectWalContext context)
{
    private readonly Lock _lock = new();
    private readonly Stack<WalGroupEncoder> _encoders = new();

    /// <summary>Ends when the object of the group's number is stored and ours.</summary>
    /// <exception cref="BrokerFencedException">Something else is there: the log was ended by whoever recovers it.</exception>
    /// <exception cref="ObjectStoreException">The store refuses for good.</exception>
    public async ValueTask PutAsync(WalGroup group, CancellationToken cancellation)
    {
        WalGroupEncoder encoder = TakeEncoder();
        IReadOnlyList<ReadOnlyMemory<byte>> content =
            encoder.Encode(group, (ulong)context.Broker.Value, segment: 0, firstLiveGroup: 0, padded: false);
        string key = ObjectWalFormat.KeyOf(context.Broker, (long)group.Sequence);
        byte[]? found = null;
        do
        {
            try
            {
                await context.Store.PutAsync(key, content, PutCondition.IfAbsent, cancellation);
                break;
            }
            catch (ObjectStoreException exists) when (exists.Kind == ObjectStoreErrorKind.AlreadyExists)
            {
                // An earlier try whose answer was lost may have taken effect.
                found = await TryReadHeaderAsync(key, cancellation);
            }
        }
        while (found is null);

        if (found is not null && !content[0].Span[..WalFormat.GroupHeaderBytes].SequenceEqual(found))
        {
            throw new BrokerFencedException(Describe(key, found));
        }

        lock (_lock)
        {
            // When the request has failed, it is not known who still reads the header.
            _encoders.Push(encoder);
        }
    }

    /// <summary>The fence that stands where the group of this number would go; null when there is none.</summary>
    public async ValueTask<BrokerFencedException?> FindFenceAsync(long number, CancellationToken cancellation)
    {
        string key = ObjectWalFormat.KeyOf(context.Broker, number);
        return await TryReadHeaderAsync(key, cancellation) is { } found
            && WalFormat.TryReadGroupHeader(found, out WalGroupHeader header) && header.Fence
            ? new BrokerFencedException(Describe(key, found))
            : null;
    }

    /// <summary>The header names log, number and, by its checksums, everything that the object holds. Null when the object is gone again.</summary>
    private async ValueTask<byte[]?> TryReadHeaderAsync(string key, CancellationToken cancellation)
    {
        byte[] header = new byte[WalFormat.GroupHeaderBytes];
        try
        {
            int read = await context.Store.ReadAsync(key, 0, header, cancellation);
            return header[..read];
        }
        catch (ObjectStoreException missing) when (missing.Kind == ObjectStoreErrorKind.NotFound)
        {
            return null;
        }
    }

    private WalGroupEncoder TakeEncoder()
    {
        lock (_lock)
        {
            return _encoders.TryPop(out WalGroupEncoder? encoder) ? encoder : new WalGroupEncoder();
        }
    }

    private string Describe(string key, ReadOnlySpan<byte> found) =>
        WalFormat.TryReadGroupHeader(found, out WalGroupHeader header) && header.Fence
            ? $"the log of this broker's life {context.Broker} was ended at {key} by broker life {header.Segment}, which recovers it: this broker was "
                + "taken for dead. Nothing more was acknowledged; restart it"
            : $"object {key} was not written by this broker, though nobody else may write below {ObjectWalFormat.PrefixOf(context.Broker)}: "
                + "is the bucket shared with another cluster? Nothing more was acknowledged";
}
