using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Writers that commit range after range of a stream each, every call repeated until it is answered; and the check of what is there.</summary>
internal sealed class RangeWriters : IAsyncDisposable
{
    private const int Records = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly IMetadataStore _store;
    private readonly IReadOnlyList<StreamId> _streams;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task<int>[] _writers;

    private RangeWriters(IMetadataStore store, IReadOnlyList<StreamId> streams)
    {
        _store = store;
        _streams = streams;
        _writers = [.. streams.Select(stream => Task.Run(() => WriteAsync(stream)))];
    }

    public static async Task<RangeWriters> StartAsync(IMetadataStore store, int streams = 4) =>
        new(store, await store.CreateStreamsAsync(streams, "test"));

    /// <summary>Ends when every stream has got that far, or a writer has failed.</summary>
    public async Task WaitUntilAsync(long offset)
    {
        while (!_writers.Any(writer => writer.IsCompleted)
            && (await UntilAnsweredAsync(() => _store.ReadStreamsAsync(_streams))).Any(state => state.CommittedOffset < offset))
        {
            await Task.Yield();
        }
    }

    /// <summary>Stops the writers: everything that was answered is there, once and in order.</summary>
    public async Task VerifyAsync()
    {
        _stop.Cancel();
        int[] committed = await Task.WhenAll(_writers).WaitAsync(Patience);
        IReadOnlyList<StreamState> states = await _store.ReadStreamsAsync(_streams);
        for (int i = 0; i < _streams.Count; i++)
        {
            Assert.Equal(committed[i] * Records, states[i].CommittedOffset);
            IReadOnlyList<StreamRange> ranges = await _store.ListRangesAsync(_streams[i], 0, int.MaxValue);
            Assert.Equal(Enumerable.Range(0, committed[i]).Select(n => (long)n * Records), ranges.Select(range => range.BaseOffset));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_writers).ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private async Task<int> WriteAsync(StreamId stream)
    {
        int ranges = 0;
        while (!_stop.IsCancellationRequested)
        {
            long id = await UntilAnsweredAsync(() => _store.PrepareObjectsAsync(1, TimeSpan.FromHours(1)));
            var range = new RangeCommit(stream, 0, ranges * Records, (ranges + 1) * Records, 0, 100);
            Assert.Empty((await UntilAnsweredAsync(() => _store.CommitObjectsAsync([new ObjectCommit(id, 100, 50, [range])]))).Refused);
            ranges++;
        }

        return ranges;
    }

    private static async Task<T> UntilAnsweredAsync<T>(Func<ValueTask<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (MetadataUnavailableException)
            {
                await Task.Delay(20);
            }
        }
    }
}
