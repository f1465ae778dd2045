using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using PipeRoll.Foundation.Scheduling;
using PipeRoll.Proofs.Merkle;
using PipeRoll.Proofs.Notes;
using PipeRoll.Streams;

namespace PipeRoll.Evidence;

/// <summary>
/// Turns each confirmed batch of a partition into a statement in a Merkle tree, behind the produce path: an append never
/// waits for evidence.
/// </summary>
/// <remarks>
/// Owner: whoever opens the partition's stream and gives it this observer, then attaches it. The observer only notes the
/// time and wakes the worker, which reads the batches back from the stream (the log cache, as a rule), so that nothing
/// queues. A statement counts, and a checkpoint covers it, only once it is stored: what was ever shown is the same after
/// a restart. Failure: what can't be read or stored is logged and tried again until it works or is stopped; requests wait.
/// </remarks>
public sealed partial class PartitionEvidence : IStreamObserver, IAsyncDisposable
{
    private const int ReadBytes = 1024 * 1024;
    private const int RetryMs = 1_000;

    private readonly Lock _gate = new();
    private readonly Guid _topicId;
    private readonly int _partition;
    private readonly string _origin;
    private readonly IStatementLog _log;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PartitionTree _tree;
    private readonly AppendTimes _times = new();
    private readonly List<(long Offset, TaskCompletionSource Stated)> _waiting = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<byte> _wake =
        Channel.CreateBounded<byte>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private IStream? _stream;
    private Task? _running;
    private long _confirmed = -1;
    private long _stated = -1;

    /// <param name="origin">Names the log in its checkpoints, such as <c>example.com/cluster/topicid/0</c>.</param>
    public PartitionEvidence(string origin, Guid topicId, int partition, IStatementLog log, TimeProvider time, ILogger logger)
    {
        _origin = origin;
        _topicId = topicId;
        _partition = partition;
        _log = log;
        _time = time;
        _logger = logger;
        _tree = new PartitionTree(origin, topicId, partition);
    }

    /// <summary>Rebuilds the tree from the stored statements and begins to state what the stream has beyond them.</summary>
    /// <exception cref="InvalidOperationException">Attached already, or the stored statements are not of this partition.</exception>
    public async Task AttachAsync(IStream stream, CancellationToken cancellation = default)
    {
        if (_stream is not null)
        {
            throw new InvalidOperationException($"{_origin} is attached to a stream already");
        }

        await foreach (LeafStatement statement in _log.ReadAsync(cancellation))
        {
            lock (_gate)
            {
                _tree.Append(statement);
            }
        }

        lock (_gate)
        {
            _stream = stream;
            _stated = Math.Max(_tree.EndOffset, 0);
            _confirmed = Math.Max(_confirmed, stream.ConfirmedOffset);
        }

        _wake.Writer.TryWrite(0);
        _running = RunAsync();
    }

    void IStreamObserver.Confirmed(IStream stream, in StreamBatch batch)
    {
        long nowMs = NowMs;
        lock (_gate)
        {
            // The partition's stream may have failed and been opened anew.
            _stream = _stream is null ? null : stream;
            _confirmed = Math.Max(_confirmed, batch.EndOffset);
            _times.Note(batch.EndOffset, nowMs);
        }

        _wake.Writer.TryWrite(0);
    }

    /// <summary>The tree over everything that was confirmed when this was called, at least.</summary>
    public async Task<Checkpoint> CheckpointAsync(CancellationToken cancellation = default)
    {
        await WhenStatedAsync(cancellation);
        lock (_gate)
        {
            return _tree.Checkpoint;
        }
    }

    /// <summary>Proves the batch that holds the offset, against the tree as it is now. Null when no statement covers it.</summary>
    public async Task<OffsetProof?> ProveAsync(long offset, CancellationToken cancellation = default)
    {
        await WhenStatedAsync(cancellation);
        lock (_gate)
        {
            return _tree.Prove(offset);
        }
    }

    /// <summary>Proves that the tree of an earlier checkpoint is the beginning of the one that is returned.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tree was never that large.</exception>
    public (Checkpoint Now, IReadOnlyList<TreeHash> Proof) ProveConsistency(long oldSize)
    {
        lock (_gate)
        {
            return (_tree.Checkpoint, _tree.ConsistencyProof(oldSize));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopping.Cancel();
        _wake.Writer.TryComplete();
        if (_running is not null)
        {
            await _running;
        }

        lock (_gate)
        {
            _waiting.ForEach(static waiter => waiter.Stated.TrySetCanceled());
            _waiting.Clear();
        }

        _stopping.Dispose();
    }

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private Task WhenStatedAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_stream is null)
            {
                throw new InvalidOperationException($"{_origin} is not attached to its stream yet");
            }

            if (_stated >= _confirmed)
            {
                return Task.CompletedTask;
            }

            TaskCompletionSource stated = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((_confirmed, stated));
            return stated.Task.Follow().WaitAsync(cancellation);
        }
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _wake.Reader.WaitToReadAsync(_stopping.Token))
            {
                _wake.Reader.TryRead(out _);
                await StateAllAsync();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // As asked.
        }
    }

    private async Task StateAllAsync()
    {
        while (true)
        {
            IStream stream;
            lock (_gate)
            {
                stream = _stream!;
                if (_stated >= _confirmed)
                {
                    return;
                }
            }

            try
            {
                await StateSomeAsync(stream);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogFailed(_logger, error, _origin, _stated, RetryMs);
                await Task.Delay(TimeSpan.FromMilliseconds(RetryMs), _time, _stopping.Token);
            }
        }
    }

    private async Task StateSomeAsync(IStream stream)
    {
        long from = Math.Max(_stated, stream.StartOffset);
        if (from > _stated)
        {
            LogGap(_logger, _origin, _stated, from);
        }

        List<LeafStatement> statements = [];
        long end = from;
        if (from < stream.ConfirmedOffset)
        {
            using FetchedBatches fetched = await stream.FetchAsync(from, ReadBytes, _stopping.Token);
            foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
            {
                AddStatements(segment, from, statements);
            }

            end = Math.Max(end, fetched.EndOffset);
        }

        if (statements.Count > 0)
        {
            await _log.AppendAsync(statements);
        }

        Advance(statements, end);
    }

    private void AddStatements(ReadOnlyMemory<byte> segment, long from, List<LeafStatement> statements)
    {
        while (segment.Length > 0)
        {
            StoredBatch batch = StoredBatch.TakeFirst(ref segment);
            if (batch.BaseOffset < from)
            {
                // The log start cuts it in two: it is no whole batch any more that could be shown.
                continue;
            }

            long? seenMs;
            lock (_gate)
            {
                seenMs = _times.TakeFor(batch.LastOffset + 1);
            }

            statements.Add(new LeafStatement(_topicId, _partition, batch.BaseOffset, batch.LastOffset, seenMs ?? NowMs, batch.Hash()));
        }
    }

    private void Advance(List<LeafStatement> statements, long end)
    {
        lock (_gate)
        {
            statements.ForEach(_tree.Append);
            _stated = Math.Max(_stated, end);
            for (int index = _waiting.Count - 1; index >= 0; index--)
            {
                if (_waiting[index].Offset <= _stated)
                {
                    _waiting[index].Stated.TrySetResult();
                    _waiting.RemoveAt(index);
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "evidence of {Origin} stands still at offset {Offset}; trying again in {RetryMs} ms")]
    private static partial void LogFailed(ILogger logger, Exception error, string origin, long offset, int retryMs);

    [LoggerMessage(Level = LogLevel.Warning, Message =
        "evidence of {Origin} has a gap: offsets {From} to {To} were deleted before they were stated")]
    private static partial void LogGap(ILogger logger, string origin, long from, long to);
}
