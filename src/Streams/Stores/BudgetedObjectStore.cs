using Microsoft.Extensions.Logging;

namespace PipeRoll.Streams.Stores;

/// <summary>
/// One request budget over a store: bounded concurrency by priority, and retries of transient failures, with
/// growing delays and jitter, until they succeed or the caller gives up.
/// </summary>
/// <remarks>A storm of failures slows callers down and loses nothing. A waiting retry holds no place in the budget.</remarks>
internal sealed class BudgetedObjectStore(
    IObjectStore inner, StreamStorageOptions options, TimeProvider time, Random random, StreamMetrics metrics, ILogger logger)
{
    private readonly StoreBudget _budget = new(options.StoreRequestsMax, options.StoreBytesMax);
    private readonly Lock _randomLock = new();

    /// <summary>The store as callers of this priority see it.</summary>
    public IObjectStore For(StorePriority priority) => new View(this, priority);

    private async ValueTask<T> RunAsync<T>(
        StorePriority priority, string operation, long bytes, Func<ValueTask<T>> request, CancellationToken cancellation)
    {
        for (int attempt = 0; ; attempt++)
        {
            await _budget.EnterAsync(priority, bytes, cancellation);
            try
            {
                T result = await request();
                metrics.StoreRequest(priority, operation, "ok");
                return result;
            }
            catch (ObjectStoreException failure)
            {
                metrics.StoreRequest(priority, operation, failure.Kind.ToString());
                if (!failure.Transient)
                {
                    throw;
                }

                StoreLog.Retry(logger, operation, attempt + 1, failure.Message);
            }
            finally
            {
                _budget.Exit(bytes);
            }

            await Task.Delay(Delay(attempt), time, cancellation);
        }
    }

    /// <summary>Between half and all of the doubled delay: callers that failed together do not come back together.</summary>
    private TimeSpan Delay(int attempt)
    {
        double full = Math.Min(
            options.StoreRetryDelay.TotalMilliseconds * Math.Pow(2, Math.Min(attempt, 30)), options.StoreRetryDelayMax.TotalMilliseconds);
        lock (_randomLock)
        {
            return TimeSpan.FromMilliseconds(full * (0.5 + (random.NextDouble() / 2)));
        }
    }

    private sealed class View(BudgetedObjectStore owner, StorePriority priority) : IObjectStore
    {
        public async ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default) => await owner.RunAsync(priority, "put", content.Sum(c => (long)c.Length), async () =>
            {
                await owner.Inner.PutAsync(key, content, condition, cancellation);
                return true;
            }, cancellation);

        public async ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default)
        {
            IObjectUpload upload = await owner.RunAsync(
                priority, "begin", 0, () => owner.Inner.BeginUploadAsync(key, cancellation), cancellation);
            return new BudgetedUpload(owner, priority, upload);
        }

        public ValueTask<int> ReadAsync(string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
            owner.RunAsync(
                priority, "read", destination.Length, () => owner.Inner.ReadAsync(key, position, destination, cancellation), cancellation);

        public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
            await owner.RunAsync(priority, "delete", 0, async () =>
            {
                await owner.Inner.DeleteAsync(keys, cancellation);
                return true;
            }, cancellation);

        public ValueTask<IReadOnlyList<StoredObject>> ListAsync(
            string prefix, string after, int max, CancellationToken cancellation = default) =>
            owner.RunAsync(priority, "list", 0, () => owner.Inner.ListAsync(prefix, after, max, cancellation), cancellation);
    }

    /// <summary>Parts are not retried: a part whose answer was lost may have been appended. The caller starts the upload anew.</summary>
    private sealed class BudgetedUpload(BudgetedObjectStore owner, StorePriority priority, IObjectUpload inner) : IObjectUpload
    {
        public async ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> part, CancellationToken cancellation = default)
        {
            long bytes = part.Sum(p => (long)p.Length);
            await owner._budget.EnterAsync(priority, bytes, cancellation);
            try
            {
                await inner.AppendAsync(part, cancellation);
                owner.Metrics.StoreRequest(priority, "part", "ok");
            }
            catch (ObjectStoreException failure)
            {
                owner.Metrics.StoreRequest(priority, "part", failure.Kind.ToString());
                throw;
            }
            finally
            {
                owner._budget.Exit(bytes);
            }
        }

        public async ValueTask CompleteAsync(CancellationToken cancellation = default) => await owner.RunAsync(priority, "complete", 0, async () =>
        {
            await inner.CompleteAsync(cancellation);
            return true;
        }, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private IObjectStore Inner => inner;

    private StreamMetrics Metrics => metrics;
}

internal static partial class StoreLog
{
    [LoggerMessage(20, LogLevel.Warning, "Object store: {Operation} failed (attempt {Attempt}) and will be tried again: {Reason}")]
    public static partial void Retry(ILogger logger, string operation, int attempt, string reason);
}
