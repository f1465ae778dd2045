using Confluent.Kafka;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Server.Hosting;

/// <summary>One workflow of a server: its workers, and the desk for who waits for decisions. Owner: <see cref="WorkflowHost"/>.</summary>
/// <param name="slot">See <see cref="WorkerOptions.Slot"/>.</param>
internal sealed partial class HostedWorkflow(WorkflowPlan planned, string? slot, ILogger<HostedWorkflow> log) : IHostedWorkflow, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);
    private readonly WorkflowProgress _progress = new();
    private KafkaConnection? _connection;
    private DecisionDesk? _desk;
    private PolicyDesk? _policies;
    private LivePolicies? _versions;
    private HoldDesk? _holds;
    private HoldKeeper? _keeper;
    private WorkflowPlan? _governed;
    private string? _problem = "it starts";

    public WorkflowManifest Manifest => planned.Manifest;

    /// <summary>With the version that decides; before one does, with that of the policy file.</summary>
    public WorkflowPlan Plan => Volatile.Read(ref _governed) ?? planned;

    public HoldDesk? Holds => Volatile.Read(ref _holds);

    public PolicyDesk? Policies => Volatile.Read(ref _policies);

    public WorkflowProgress Progress => _progress;

    public DecisionDesk? Desk => Volatile.Read(ref _desk);

    public string? Problem => Volatile.Read(ref _problem) ?? _versions?.Problem;

    public DecisionStream Follow(string? position) => new(
        Manifest, _connection ?? throw new WorkflowException("the workflow starts: try again"), position, log);

    /// <summary>Runs until stopped; what fails is said and started again.</summary>
    public async Task RunAsync(KafkaConnection connection, CancellationToken stop)
    {
        // Connecting blocks, and the server's own broker needs the pool's threads to answer.
        await Task.Factory.StartNew(() => Prepare(connection, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (Manifest.IsGoverned && !stop.IsCancellationRequested)
        {
            await Task.Factory.StartNew(() => AwaitVersion(connection, stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        while (!stop.IsCancellationRequested)
        {
            try
            {
                Volatile.Write(ref _problem, null);
                await new WorkflowRunner(Plan, connection, new WorkerOptions { Slot = slot }, _progress, log).RunAsync(Workers, stop);
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
        _keeper?.Dispose();
        _holds?.Dispose();
        _policies?.Dispose();
        _versions?.Dispose();
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
                    TopicPlan[] own = [.. BlockingTopics.Plan(Manifest), PolicyLog.Plan, ActivationLog.Plan, HoldDesk.Plan];
                    admin.EnsureAsync([.. planned.Topics.UnionBy(own, static plan => plan.Name)]).GetAwaiter().GetResult();
                }

                _connection = connection;
                Volatile.Write(ref _holds, new HoldDesk(() => Plan, connection, TimeProvider.System, log));
                _keeper = new HoldKeeper(Manifest, _holds!, connection, log);
                Volatile.Write(ref _policies, new PolicyDesk(Manifest, connection, TimeProvider.System, log));
                Volatile.Write(
                    ref _desk, new DecisionDesk(Manifest, planned.Policy.Event, connection, new BlockingOptions(), TimeProvider.System, log));
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

    /// <summary>Nothing decides before a version was activated.</summary>
    private void AwaitVersion(KafkaConnection connection, CancellationToken stop)
    {
        Volatile.Write(ref _problem, "no version of its policy may decide yet: submit one, test it, have it approved, and activate it");
        _versions = new LivePolicies(Manifest, connection, log);
        if (_versions.WaitForOrder(stop))
        {
            Volatile.Write(ref _governed, new WorkflowPlan(Manifest, _versions.Current.Active, planned.Shadow, _versions));
        }
    }

    [LoggerMessage(221, LogLevel.Error, "workflow {Workflow} does not run and is started again: {Reason}")]
    private static partial void LogFailed(ILogger logger, string workflow, string reason);
}
