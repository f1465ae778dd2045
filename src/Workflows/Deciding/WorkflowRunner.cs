using Microsoft.Extensions.Logging;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Keeps several workers of one workflow at work, each on a thread of its own, and starts a failed one again. Owner: its creator.
/// Failure: a worker that fails again and again ends <see cref="RunAsync"/> with its last error.
/// </summary>
public sealed class WorkflowRunner(
    WorkflowPlan plan, KafkaConnection connection, WorkerOptions options, WorkflowProgress progress, ILogger log)
{
    private const int FailuresMax = 5;
    private const int HealthyMs = 30_000;

    /// <summary>Runs until stopped; then every worker drains, commits and leaves its group.</summary>
    public async Task RunAsync(int workers, CancellationToken stop)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Task[] running =
        [
            .. Enumerable.Range(0, workers).Select(index => Task.Factory.StartNew(
                () => Keep(
                    options with { WorkerId = $"{options.WorkerId}-{index}", Slot = options.Slot is { } slot ? $"{slot}-{index}" : null },
                    all), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)),
        ];
        await Task.WhenAll(running);
    }

    private void Keep(WorkerOptions own, CancellationTokenSource all)
    {
        int failures = 0;
        int starts = 0;
        while (!all.IsCancellationRequested)
        {
            long started = Environment.TickCount64;
            WorkflowWorker? worker = null;
            try
            {
                worker = new WorkflowWorker(plan, connection, own with { WorkerId = $"{own.WorkerId}-{starts++}" }, progress, log);
                worker.Run(all.Token);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                failures = Environment.TickCount64 - started > HealthyMs ? 1 : failures + 1;
                log.WorkerFailed(plan.Manifest.Name, error.Message);
                worker?.GiveUp();
                if (failures >= FailuresMax)
                {
                    all.Cancel();
                    throw;
                }

                all.Token.WaitHandle.WaitOne(200 * failures);
            }
            finally
            {
                worker?.Dispose();
            }
        }
    }
}
