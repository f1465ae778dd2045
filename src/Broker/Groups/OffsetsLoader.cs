using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Offsets;

namespace PipeRoll.Broker.Groups;

/// <summary>Makes the offsets topic if it is missing and reads its partitions, a few at a time, each until it worked.</summary>
/// <remarks>Owner: <see cref="GroupCoordinator"/>. Any thread. Runs once; a failure is logged and tried again after a pause.</remarks>
internal sealed partial class OffsetsLoader(GroupServices services, Action<int, LoadedGroups> loaded, CancellationToken stopping)
{
    private const int InParallel = 8;
    private const int RetryMs = 1_000;

    private readonly Lock _gate = new();
    private Task? _running;
    private volatile bool[]? _done;

    public bool IsLoading => _running is { IsCompleted: false };

    public void Start()
    {
        lock (_gate)
        {
            // Not awaited here: whoever asks is told to come again.
            _running ??= Task.Factory.StartNew(RunAsync, stopping, TaskCreationOptions.None, TaskScheduler.Current).Unwrap();
        }
    }

    public bool IsLoaded(string groupId)
    {
        if (_done is { } done)
        {
            return Volatile.Read(ref done[GroupHash.PartitionOf(groupId, done.Length)]);
        }

        Start();
        return false;
    }

    public int PartitionOf(string groupId) => GroupHash.PartitionOf(groupId, services.Log.PartitionCount);

    public async Task WhenStoppedAsync()
    {
        Task? running;
        lock (_gate)
        {
            running = _running;
            _running ??= Task.CompletedTask;
        }

        try
        {
            await (running ?? Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            // As asked.
        }
    }

    private async Task RunAsync()
    {
        await UntilItWorksAsync("prepare the offsets topic", () => services.Log.PrepareAsync(stopping));
        bool[] done = new bool[services.Log.PartitionCount];
        _done = done;
        Queue<int> left = new(Enumerable.Range(0, done.Length));
        await Task.WhenAll(Enumerable.Range(0, Math.Min(InParallel, done.Length)).Select(_ => LoadSomeAsync(left, done)).ToArray());
    }

    private async Task LoadSomeAsync(Queue<int> left, bool[] done)
    {
        while (true)
        {
            int partition;
            lock (left)
            {
                if (!left.TryDequeue(out partition))
                {
                    return;
                }
            }

            await UntilItWorksAsync($"load offsets partition {partition}", () => LoadAsync(partition));
            Volatile.Write(ref done[partition], true);
        }
    }

    private async Task LoadAsync(int partition)
    {
        LoadedGroups groups = new();
        await foreach (GroupLogRecord record in services.Log.ReadAsync(partition, stopping))
        {
            GroupLogCodec.Read(record, groups);
        }

        loaded(partition, groups);
    }

    private async Task UntilItWorksAsync(string what, Func<Task> work)
    {
        while (true)
        {
            try
            {
                stopping.ThrowIfCancellationRequested();
                await work();
                return;
            }
            catch (Exception error) when (!stopping.IsCancellationRequested)
            {
                LogFailed(services.Logger, error, what, RetryMs);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(RetryMs), services.Time, stopping);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "could not {What}; trying again in {RetryMs} ms")]
    private static partial void LogFailed(ILogger logger, Exception error, string what, int retryMs);
}
