using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Broker.Groups;

/// <summary>How far this broker is with the groups of one partition of the offsets topic.</summary>
internal enum LoadState
{
    /// <summary>Another broker coordinates them, or nobody does.</summary>
    NotHere,
    Loading,
    Loaded,
}

/// <summary>What a loader tells the coordinator.</summary>
/// <param name="Loaded">The groups of a partition, read under a term: to be served when the task has ended; when it fails, it comes again.</param>
/// <param name="Unloaded">The term is over: the groups that were loaded under it are somebody else's.</param>
internal sealed record LoaderCallbacks(Func<int, int, LoadedGroups, Task> Loaded, Action<int, int> Unloaded);

/// <summary>
/// Makes the offsets topic if it is missing and reads those of its partitions that this broker leads, a few at a time, each until it
/// worked; reads one anew under each new term, and lets go of it when its term is over.
/// </summary>
/// <remarks>
/// Owner: <see cref="GroupCoordinator"/>. Any thread; callbacks are made without the lock. Failure: logged and tried again after a pause,
/// as long as the term lasts.
/// </remarks>
internal sealed partial class OffsetsLoader(GroupServices services, LoaderCallbacks callbacks, CancellationToken stopping) : IDisposable
{
    private const int InParallel = 8;
    private const int RetryMs = 1_000;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _places = new(InParallel);
    private readonly BackgroundTasks _background = new();
    private bool _isStarted;
    private volatile Slot[]? _slots;

    /// <summary>Something that this broker leads is not loaded yet.</summary>
    public bool IsLoading
    {
        get
        {
            lock (_gate)
            {
                return _slots is { } slots ? Array.Exists(slots, static slot => slot is { Term: >= 0, IsLoaded: false }) : _isStarted;
            }
        }
    }

    public void Start()
    {
        lock (_gate)
        {
            if (_isStarted || stopping.IsCancellationRequested)
            {
                return;
            }

            // Not awaited here: whoever asks is told to come again.
            _isStarted = true;
            _background.Start(PrepareAsync);
        }
    }

    /// <summary>This broker may have begun or ceased to lead the partition.</summary>
    public void TermChanged(int partition)
    {
        if (_slots is { } slots)
        {
            Check(slots, partition);
        }
        else if (services.Log.IsReady)
        {
            Start();
        }
    }

    /// <param name="term">Under which it is loaded, when it is.</param>
    public LoadState StateOf(string groupId, out int term)
    {
        term = -1;
        if (_slots is not { } slots)
        {
            Start();
            return LoadState.Loading;
        }

        return StateOf(slots, GroupHash.PartitionOf(groupId, slots.Length), out term);
    }

    public LoadState StateOf(int partition)
    {
        if (_slots is { } slots)
        {
            return (uint)partition < (uint)slots.Length ? StateOf(slots, partition, out _) : LoadState.NotHere;
        }

        Start();
        return LoadState.Loading;
    }

    private LoadState StateOf(Slot[] slots, int partition, out int term)
    {
        lock (_gate)
        {
            Slot slot = slots[partition];
            term = slot.Term;
            return term < 0 ? LoadState.NotHere : slot.IsLoaded ? LoadState.Loaded : LoadState.Loading;
        }
    }

    public int PartitionOf(string groupId) => GroupHash.PartitionOf(groupId, services.Log.PartitionCount);

    public Task WhenStoppedAsync() => _background.WhenAllAsync();

    public void Dispose() => _places.Dispose();

    private async Task PrepareAsync()
    {
        if (!await UntilItWorksAsync("prepare the offsets topic", () => services.Log.PrepareAsync(stopping), static () => true))
        {
            return;
        }

        var slots = new Slot[services.Log.PartitionCount];
        for (int partition = 0; partition < slots.Length; partition++)
        {
            slots[partition] = new Slot();
        }

        // Terms that change before this are seen by the check below, those that change after it call it themselves.
        _slots = slots;
        for (int partition = 0; partition < slots.Length; partition++)
        {
            Check(slots, partition);
        }
    }

    private void Check(Slot[] slots, int partition)
    {
        int before;
        int term;
        lock (_gate)
        {
            Slot slot = slots[partition];
            before = slot.Term;
            term = services.Log.TermOf(partition);
            if (term == before)
            {
                return;
            }

            slot.Term = term;
            slot.IsLoaded = false;
        }

        if (before >= 0)
        {
            callbacks.Unloaded(partition, before);
        }

        if (term >= 0 && !stopping.IsCancellationRequested)
        {
            _background.Start(() => LoadAsync(slots[partition], partition, term));
        }
    }

    private async Task LoadAsync(Slot slot, int partition, int term)
    {
        bool isRead = await UntilItWorksAsync(
            $"load offsets partition {partition}", () => ReadAsync(slot, partition, term), () => Volatile.Read(ref slot.Term) == term);
        bool isServed = false;
        lock (_gate)
        {
            isServed = isRead && slot.Term == term;
            slot.IsLoaded |= isServed;
        }

        if (!isServed)
        {
            // The term ended while its groups were handed in, or had been by a try that failed.
            callbacks.Unloaded(partition, term);
        }
    }

    private async Task ReadAsync(Slot slot, int partition, int term)
    {
        await _places.EnterAsync(stopping);
        try
        {
            LoadedGroups groups = new();
            await foreach (GroupLogRecord record in services.Log.ReadAsync(partition, stopping))
            {
                GroupLogCodec.Read(record, groups);
            }

            groups.Settle();

            if (Volatile.Read(ref slot.Term) == term)
            {
                await callbacks.Loaded(partition, term, groups);
            }
        }
        finally
        {
            _places.Release();
        }
    }

    /// <returns>False when the broker stops, or <paramref name="isWanted"/> says that it need not work any more.</returns>
    private async Task<bool> UntilItWorksAsync(string what, Func<Task> work, Func<bool> isWanted)
    {
        while (!stopping.IsCancellationRequested && isWanted())
        {
            try
            {
                await work();
                return true;
            }
            catch (Exception error) when (!stopping.IsCancellationRequested)
            {
                if (!isWanted())
                {
                    break;
                }

                LogFailed(services.Logger, error, what, RetryMs);
            }
            catch (Exception)
            {
                // The broker stops: whether it was cancelled or failed beside that makes no difference, and must not end the stop.
                break;
            }

            await PauseAsync();
        }

        return false;
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(RetryMs), services.Time, stopping);
        }
        catch (OperationCanceledException)
        {
            // The broker stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "could not {What}; trying again in {RetryMs} ms")]
    private static partial void LogFailed(ILogger logger, Exception error, string what, int retryMs);

    /// <summary>One partition. Changed under the lock.</summary>
    private sealed class Slot
    {
        public int Term = -1;
        public bool IsLoaded;
    }
}
