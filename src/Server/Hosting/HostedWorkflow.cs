using Confluent.Kafka;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Server.Hosting;

/// <summary>One workflow of a server: its workers, and the desk for who waits for decisions. Owner: <see cref="WorkflowHost"/>.</summary>
/// <param name="slot">See <see cref="WorkerOptions.Slot"/>.</param>
internal sealed partial class HostedWorkflow(WorkflowPlan plan, string? slot, ILogger<HostedWorkflow> log) : IHostedWorkflow, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private readonly WorkflowProgress _progress = new();
    private KafkaConnection? _connection;
    private DecisionDesk? _desk;
    private string? _problem = "it starts";

    public WorkflowManifest Manifest => plan.Manifest;

    public WorkflowPlan Plan => plan;

    public WorkflowProgress Progress => _progress;

    public DecisionDesk? Desk => Volatile.Read(ref _desk);

    public string? Problem => Volatile.Read(ref _problem);

    public DecisionStream Follow(string? position) => new(
        Manifest, _connection ?? throw new WorkflowException("the workflow starts: try again"), position, log);

    /// <summary>Runs until stopped; what fails is said and started again.</summary>
    public async Task RunAsync(KafkaConnection connection, CancellationToken stop)
    {
        // Connecting blocks, and the server's own broker needs the pool's threads to answer.
        await Task.Factory.StartNew(() => Prepare(connection, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Volatile.Write(ref _problem, null);
                await new WorkflowRunner(plan, connection, new WorkerOptions { Slot = slot }, _progress, log).RunAsync(Workers, stop);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // Whatever it was: the workflows beside it, and the broker, go on.
                Volatile.Write(ref _problem, error.Message);
                LogFailed(log, Manifest.Name, error.Message);
                await Task.Delay(Pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    public void Dispose()
    {
        _desk?.Dispose();
        _progress.Dispose();
    }

    private int Workers => Math.Min(Manifest.Partitions, Math.Max(1, Environment.ProcessorCount / 2));

    private void Prepare(KafkaConnection connection, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using (var admin = new TopicAdmin(connection, log))
                {
                    admin.EnsureAsync([.. plan.Topics, .. BlockingTopics.Plan(Manifest)]).GetAwaiter().GetResult();
                }

                _connection = connection;
                Volatile.Write(
                    ref _desk, new DecisionDesk(Manifest, plan.Policy.Event, connection, new BlockingOptions(), TimeProvider.System, log));
                return;
            }
            catch (Exception error) when (error is WorkflowException or KafkaException)
            {
                Volatile.Write(ref _problem, error.Message);
                LogFailed(log, Manifest.Name, error.Message);
                stop.WaitHandle.WaitOne(Pause);
            }
        }
    }

    [LoggerMessage(221, LogLevel.Error, "workflow {Workflow} does not run and is started again: {Reason}")]
    private static partial void LogFailed(ILogger logger, string workflow, string reason);
}
