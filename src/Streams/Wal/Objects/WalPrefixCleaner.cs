using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Streams.Wal.Objects;

/// <summary>
/// Deletes what is left of the log of a life that is gone: everything but its fence. The fence stays for ever: its writer may be stopped for
/// as long as it likes and then go on, and if the number were free again, it would acknowledge what nobody recovers any more.
/// </summary>
/// <remarks>May be repeated, by anybody. Failure: an <see cref="ObjectStoreException"/>; what is left is deleted by the next call.</remarks>
internal sealed class WalPrefixCleaner(IObjectStore store)
{
    private const int PerPage = 1000;

    /// <param name="gone">Nothing of its log is needed: <see cref="BrokerState.Gone"/>.</param>
    /// <returns>How many objects were deleted.</returns>
    public async ValueTask<long> CleanAsync(BrokerEpoch gone, CancellationToken cancellation = default)
    {
        string prefix = ObjectWalFormat.PrefixOf(gone);
        long deleted = 0;
        string after = prefix;
        while (true)
        {
            IReadOnlyList<StoredObject> page = await store.ListAsync(prefix, after, PerPage, cancellation);
            List<string> keys = [.. page.Where(static o => o.Bytes != ObjectWalFormat.FenceBytes).Select(static o => o.Key)];
            if (keys.Count > 0)
            {
                await store.DeleteAsync(keys, cancellation);
                deleted += keys.Count;
            }

            if (page.Count < PerPage)
            {
                return deleted;
            }

            after = page[^1].Key;
        }
    }
}
