using PipeRoll.Policies;
using PipeRoll.Server.Http.Workflows;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;

namespace PipeRoll.Server.Hosting;

/// <summary>
/// The workflows that a server runs beside its broker, as clients of it. Owner: the server; stopped before the broker, so that what is decided is
/// committed. Failure: what is wrong with a manifest or policy is said before the server starts; what fails later is started again.
/// </summary>
internal sealed class WorkflowHost : IWorkflowDirectory, IAsyncDisposable
{
    private readonly IReadOnlyList<HostedWorkflow> _workflows;
    private readonly IReadOnlyDictionary<string, string> _client;
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    private WorkflowHost(IReadOnlyList<HostedWorkflow> workflows, IReadOnlyDictionary<string, string> client)
    {
        _workflows = workflows;
        _client = client;
    }

    /// <summary>Reads every manifest and policy that the settings name.</summary>
    /// <exception cref="ServerStartException">Something is wrong with one; the message has every problem with its place.</exception>
    /// <param name="slot">
    /// Names a server that comes back after a crash as the same (<see cref="WorkerOptions.Slot"/>); null for one of several, whose partitions go to
    /// the others at once when it stops.
    /// </param>
    public static WorkflowHost Load(ServerOptions options, string? slot, ILoggerFactory loggers)
    {
        var workflows = new List<HostedWorkflow>();
        foreach ((string name, SettingValue file) in options.Workflows)
        {
            ManifestResult result = ManifestReader.Load(file.Value);
            if (result.Manifest is not { } manifest)
            {
                throw new ServerStartException(
                    $"{file.Origin}: workflow {name}: " + string.Join("; ", result.Problems.Select(problem => $"{file.Value}:{problem}")));
            }

            if (manifest.Name != name)
            {
                throw new ServerStartException($"{file.Origin}: {file.Value} is workflow '{manifest.Name}', not '{name}': use its own name");
            }

            try
            {
                var plan = WorkflowPlan.Load(manifest);
                workflows.Add(new HostedWorkflow(plan, slot, loggers.CreateLogger<HostedWorkflow>()));
            }
            catch (Exception wrong) when (wrong is PolicyException or IOException or WorkflowException)
            {
                throw new ServerStartException($"{file.Origin}: workflow {name}: {wrong.Message}", wrong);
            }
        }

        return new WorkflowHost(workflows, options.WorkflowClient.ToDictionary(each => each.Key, each => each.Value.Value));
    }

    public IEnumerable<IHostedWorkflow> All => _workflows;

    public IHostedWorkflow? Find(string name) => _workflows.FirstOrDefault(workflow => workflow.Manifest.Name == name);

    /// <summary>Begins, over a broker that listens.</summary>
    /// <param name="address">Where this process reaches it.</param>
    public void Start(string address)
    {
        var connection = new KafkaConnection(address) { Properties = _client };
        _running = Task.WhenAll(_workflows.Select(workflow => workflow.RunAsync(connection, _stop.Token)));
    }

    /// <summary>Commits what is decided and leaves the groups.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (HostedWorkflow workflow in _workflows)
        {
            workflow.Dispose();
        }

        _stop.Dispose();
    }
}
