using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Streams.Metadata;

/// <summary>Joins opens that arrive while one is under way into one transaction: thousands of partitions open in a few.</summary>
/// <remarks>Any thread. A failure of the transaction fails all opens in it.</remarks>
internal sealed class OpenBatcher(IMetadataStore metadata)
{
    private const int PerTransaction = 1000;
    private readonly Lock _lock = new();
    private readonly Queue<(StreamOpening Opening, TaskCompletionSource<StreamOpened> Done)> _waiting = new();
    private bool _running;

    public async ValueTask<StreamOpened> OpenAsync(StreamOpening opening, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<StreamOpened>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool run;
        lock (_lock)
        {
            _waiting.Enqueue((opening, done));
            run = !_running;
            _running = true;
        }

        if (run)
        {
            _ = RunAsync();
        }

        return await done.Task.Follow().WaitAsync(cancellation);
    }

    private async Task RunAsync()
    {
        while (true)
        {
            var batch = new List<(StreamOpening Opening, TaskCompletionSource<StreamOpened> Done)>();
            lock (_lock)
            {
                while (batch.Count < PerTransaction && _waiting.TryDequeue(out (StreamOpening, TaskCompletionSource<StreamOpened>) next))
                {
                    batch.Add(next);
                }

                if (batch.Count == 0)
                {
                    _running = false;
                    return;
                }
            }

            try
            {
                IReadOnlyList<StreamOpened> opened = await metadata.OpenStreamsAsync([.. batch.Select(b => b.Opening)]);
                for (int i = 0; i < batch.Count; i++)
                {
                    batch[i].Done.TrySetResult(opened[i]);
                }
            }
            catch (Exception failure)
            {
                batch.ForEach(b => b.Done.TrySetException(failure));
            }
        }
    }
}
