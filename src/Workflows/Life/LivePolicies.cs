using System.Collections.Concurrent;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Life;

/// <summary>
/// The versions that decide in a governed workflow, as the life of its policies says: follows <see cref="PolicyLog"/> on a thread of its own, so that
/// workers take up an activation while they run.
/// </summary>
/// <remarks>
/// Owner: its creator. Any thread. Failure: what can't be read now is read later; an order that can't be carried out (a topic that can't be made) is
/// said in the log and in <see cref="Problem"/>, and the one before stays.
/// </remarks>
public sealed class LivePolicies : IPolicyVersions, IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private readonly WorkflowManifest _manifest;
    private readonly KafkaConnection _connection;
    private readonly ILogger _log;
    private readonly PolicyLog _policies;
    private readonly ConcurrentDictionary<string, PolicyBundle> _bundles = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _hasOrder = new();
    private readonly Thread _thread;
    private PolicyOrder? _current;

    public LivePolicies(WorkflowManifest manifest, KafkaConnection connection, ILogger log)
    {
        _manifest = manifest;
        _connection = connection;
        _log = log;
        _policies = new PolicyLog(manifest.Name, connection, log);
        _thread = new Thread(Follow) { IsBackground = true, Name = "piperoll-policies" };
        _thread.Start();
    }

    public bool IsGoverned => true;

    /// <summary>Why the newest order is not carried out; null if it is.</summary>
    public string? Problem { get; private set; }

    public PolicyOrder Current => Volatile.Read(ref _current) ?? throw new WorkflowException(
        $"no version of workflow {_manifest.Name} may decide yet: submit one, test it, have it approved, and activate it");

    /// <summary>Waits until a version may decide. False if stopped before.</summary>
    public bool WaitForOrder(CancellationToken stop)
    {
        try
        {
            _hasOrder.Wait(stop);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    public PolicyBundle? Find(string hash)
    {
        if (_bundles.TryGetValue(hash, out PolicyBundle? known))
        {
            return known;
        }

        if (_policies.Files(hash) is not { } files)
        {
            return null;
        }

        PolicyBundle bundle = files.Parse();
        return bundle.Hash == hash ? _bundles.GetOrAdd(hash, bundle) : throw new WorkflowException(
            $"the files of policy version {hash} in {PolicyLog.TopicName} have the hash {bundle.Hash}: they were changed, or this program compiles "
            + "them otherwise");
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _policies.Dispose();
        _hasOrder.Dispose();
        _stop.Dispose();
    }

    private void Follow()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                WorkflowLife life = _policies.Refresh();
                if (life.Active is { } active && life.OrderSequence != (_current?.Sequence ?? 0))
                {
                    Take(life, active);
                }

                Problem = null;
            }
            catch (Exception error) when (error is WorkflowException or KafkaException or PolicyException)
            {
                Problem = error.Message;
                _log.NotFollowed("policies", _manifest.Name, error.Message);
            }

            _stop.Token.WaitHandle.WaitOne(Pause);
        }
    }

    private void Take(WorkflowLife life, string active)
    {
        var order = new PolicyOrder(
            life.OrderSequence, Find(active)!, life.Canary is { } canary ? Find(canary) : null, life.CanaryShare);
        using (var admin = new TopicAdmin(_connection, _log))
        {
            // A version may route to topics that none had before.
            foreach (PolicyBundle version in new[] { order.Active, order.Canary }.OfType<PolicyBundle>())
            {
                admin.EnsureAsync(new WorkflowPlan(_manifest, version, versions: this).Topics).GetAwaiter().GetResult();
            }
        }

        Volatile.Write(ref _current, order);
        _hasOrder.Set();
    }
}
