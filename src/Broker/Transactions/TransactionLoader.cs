using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Groups;
using PipeRoll.Foundation.Scheduling;

namespace PipeRoll.Broker.Transactions;

/// <summary>What a loader tells the coordinator; both are made without the loader's lock.</summary>
internal sealed record TransactionLoaderCallbacks(
    Action<TransactionHome, IReadOnlyDictionary<string, TransactionRecord>> Loaded, Action<TransactionHome> Unloaded);

/// <summary>Where an id is kept.</summary>
/// <param name="Partition">Of the transaction log.</param>
/// <param name="Term">The term of this broker on that partition: when it is over, another broker may coordinate the id.</param>
internal readonly record struct TransactionHome(int Partition, int Term);

/// <summary>
/// Makes the transaction log if it is missing and reads those of its partitions that this broker leads, a few at a time, each until it
/// worked; reads one anew under each new term, and lets go of it when its term is over.
/// </summary>
/// <remarks>
/// Owner: <see cref="TransactionCoordinator"/>. Any thread. Failure: logged and tried again after a pause, as long as the term lasts.
/// </remarks>
internal sealed partial class TransactionLoader(
    ITransactionLog log, TimeProvider time, ILogger logger, TransactionLoaderCallbacks callbacks, CancellationToken stopping) : IDisposable
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
        else if (log.IsReady)
        {
            Start();
        }
    }

    public LoadState StateOf(string transactionalId, out TransactionHome home)
    {
        home = new TransactionHome(-1, -1);
        if (_slots is not { } slots)
        {
            Start();
            return LoadState.Loading;
        }

        int partition = GroupHash.PartitionOf(transactionalId, slots.Length);
        lock (_gate)
        {
            Slot slot = slots[partition];
            home = new TransactionHome(partition, slot.Term);
            return slot.Term < 0 ? LoadState.NotHere : slot.IsLoaded ? LoadState.Loaded : LoadState.Loading;
        }
    }

    public Task WhenStoppedAsync() => _background.WhenAllAsync();

    public void Dispose() => _places.Dispose();

    private async Task PrepareAsync()
    {
        if (!await UntilItWorksAsync("prepare the transaction log", () => log.PrepareAsync(stopping), static () => true))
        {
            return;
        }

        var slots = new Slot[log.PartitionCount];
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
            term = log.TermOf(partition);
            if (term == before)
            {
                return;
            }

            slot.Term = term;
            slot.IsLoaded = false;
        }

        if (before >= 0)
        {
            callbacks.Unloaded(new TransactionHome(partition, before));
        }

        if (term >= 0 && !stopping.IsCancellationRequested)
        {
            _background.Start(() => LoadAsync(slots[partition], new TransactionHome(partition, term)));
        }
    }

    private async Task LoadAsync(Slot slot, TransactionHome home)
    {
        bool IsWanted() => Volatile.Read(ref slot.Term) == home.Term;
        IReadOnlyDictionary<string, TransactionRecord>? records = null;
        bool isRead = await UntilItWorksAsync(
            $"load partition {home.Partition} of the transaction log", async () => records = await ReadAsync(home.Partition), IsWanted);
        if (!isRead)
        {
            return;
        }

        callbacks.Loaded(home, records!);
        bool isServed;
        lock (_gate)
        {
            isServed = slot.Term == home.Term;
            slot.IsLoaded |= isServed;
        }

        if (!isServed)
        {
            // The term ended while its ids were handed in.
            callbacks.Unloaded(home);
        }
    }

    private async Task<IReadOnlyDictionary<string, TransactionRecord>> ReadAsync(int partition)
    {
        await _places.EnterAsync(stopping);
        try
        {
            return await log.ReadAsync(partition, stopping);
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

                LogFailed(logger, error, what, RetryMs);
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
            await Task.Delay(TimeSpan.FromMilliseconds(RetryMs), time, stopping);
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
