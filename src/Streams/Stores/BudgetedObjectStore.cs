using System.Numerics;
using Microsoft.Extensions.Logging;

namespace PipeRoll.Streams.Stores;

/// <summary>
/// One request budget over a store: bounded concurrency by priority, and retries of transient failures, with
/// growing delays and jitter, until they succeed or the caller gives up.
/// </summary>
/// <remarks>
/// A storm of failures slows callers down and loses nothing. A waiting retry holds no place in the budget. A refusal (wrong credentials, a
/// full store) is retried in the same way where something is kept waiting that must not be lost, and fails everything else.
/// </remarks>
internal sealed class BudgetedObjectStore
{
    private readonly IObjectStore _inner;
    private readonly StreamStorageOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly StoreMetrics _metrics;
    private readonly ILogger _logger;
    private readonly StoreBudget _budget;
    private readonly Lock _randomLock = new();

    public BudgetedObjectStore(
        IObjectStore inner, StreamStorageOptions options, TimeProvider time, Random random, StreamMetrics metrics, ILogger logger)
    {
        _inner = inner;
        _options = options;
        _time = time;
        _random = random;
        _metrics = metrics.Store;
        _logger = logger;
        _budget = new StoreBudget(options.StoreRequestsMax, options.StoreBytesMax);
        _metrics.Observe(_budget);
    }

    /// <summary>The store as callers of this priority see it.</summary>
    public IObjectStore For(StorePriority priority) => new View(this, priority);

    private async ValueTask<T> RunAsync<T>(
        StorePriority priority, string operation, long bytes, Func<ValueTask<T>> request, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await AttemptAsync(priority, operation, bytes, request, cancellation);
            }
            catch (ObjectStoreException failure) when (failure.Transient)
            {
                // Every one of a long storm would bury the rest of the log.
                if (BitOperations.IsPow2(attempt))
                {
                    StoreLog.Retry(_logger, operation, attempt, failure.Message);
                }
            }
            catch (ObjectStoreException refusal) when (refusal.Kind == ObjectStoreErrorKind.Refused && MustNotBeLost(priority))
            {
                StoreLog.Refused(_logger, operation, attempt, refusal.Message);
            }

            await Task.Delay(Delay(attempt), _time, cancellation);
        }
    }

    private async ValueTask<T> AttemptAsync<T>(
        StorePriority priority, string operation, long bytes, Func<ValueTask<T>> request, CancellationToken cancellation)
    {
        long asked = _time.GetTimestamp();
        StorePlace place = await _budget.EnterAsync(priority, bytes, cancellation);
        long started = _time.GetTimestamp();
        _metrics.Waited(priority, _time.GetElapsedTime(asked, started));
        string outcome = "cancelled";
        StoreAnswer answer = StoreAnswer.Other;
        try
        {
            T result = await request();
            (outcome, answer) = ("ok", StoreAnswer.Served);
            return result;
        }
        catch (ObjectStoreException failure)
        {
            (outcome, answer) = failure switch
            {
                { Overloaded: true } => ("Overloaded", StoreAnswer.Overloaded),
                { Kind: ObjectStoreErrorKind.NotFound or ObjectStoreErrorKind.AlreadyExists } => (failure.Kind.ToString(), StoreAnswer.Served),
                _ => (failure.Kind.ToString(), StoreAnswer.Other),
            };
            throw;
        }
        finally
        {
            _budget.Exit(place, answer);
            _metrics.Request(priority, operation, outcome, _time.GetElapsedTime(started), bytes);
        }
    }

    /// <summary>Batches that are not acknowledged yet or not committed yet are kept until somebody has put the store right.</summary>
    private static bool MustNotBeLost(StorePriority priority) => priority is StorePriority.WriteAheadLog or StorePriority.Commit;

    /// <summary>Between half and all of the doubled delay: callers that failed together do not come back together.</summary>
    private TimeSpan Delay(int attempt)
    {
        double full = Math.Min(
            _options.StoreRetryDelay.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 30)), _options.StoreRetryDelayMax.TotalMilliseconds);
        lock (_randomLock)
        {
            return TimeSpan.FromMilliseconds(full * (0.5 + (_random.NextDouble() / 2)));
        }
    }

    private sealed class View(BudgetedObjectStore owner, StorePriority priority) : IObjectStore
    {
        public async ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default) => await owner.RunAsync(priority, "put", content.Sum(c => (long)c.Length), async () =>
            {
                await owner._inner.PutAsync(key, content, condition, cancellation);
                return true;
            }, cancellation);

        public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
        {
            IObjectUpload upload = await owner.RunAsync(
                priority, "begin", 0, () => owner._inner.BeginUploadAsync(key, cancellation), cancellation);
            return new BudgetedUpload(owner, priority, upload);
        }

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
            owner.RunAsync(
                priority, "read", destination.Length, () => owner._inner.ReadAsync(key, position, destination, cancellation), cancellation);

        public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
            await owner.RunAsync(priority, "delete", 0, async () =>
            {
                await owner._inner.DeleteAsync(keys, cancellation);
                return true;
            }, cancellation);

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
            string prefix, string after, int max, CancellationToken cancellation = default) =>
            owner.RunAsync(priority, "list", 0, () => owner._inner.ListAsync(prefix, after, max, cancellation), cancellation);
    }

    private sealed class BudgetedUpload(BudgetedObjectStore owner, StorePriority priority, IObjectUpload inner) : IObjectUpload
    {
        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default) =>
            await owner.RunAsync(priority, "part", part.Sum(p => (long)p.Length), async () =>
            {
                await inner.AppendAsync(part, cancellation);
                return true;
            }, cancellation);

        public async ValueTask CompleteAsync(CancellationToken cancellation = default) => await owner.RunAsync(priority, "complete", 0, async () =>
        {
            await inner.CompleteAsync(cancellation);
            return true;
        }, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}

internal static partial class StoreLog
{
    [LoggerMessage(20, LogLevel.Warning, "Object store: {Operation} failed (attempt {Attempt}) and will be tried again: {Reason}")]
    public static partial void Retry(ILogger logger, string operation, int attempt, string reason);

    [LoggerMessage(21, LogLevel.Error, "Object store: {Operation} was refused (attempt {Attempt}) and is tried again until somebody acts: {Reason}")]
    public static partial void Refused(ILogger logger, string operation, int attempt, string reason);
}
