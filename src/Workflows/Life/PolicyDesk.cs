using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Manifest;
using PipeRoll.Workflows.Replay;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Life;

/// <summary>What people do about the policy versions of one workflow, each step kept with who, when and why.</summary>
/// <remarks>
/// Owner: its creator. Any thread; calls block. Failure: <see cref="LifeRefusedException"/> for what may not be done, <see cref="PolicyException"/> and
/// <see cref="FormatException"/> for a version that is wrong, <see cref="WorkflowException"/> for a cluster that does not answer.
/// </remarks>
public sealed class PolicyDesk(WorkflowManifest manifest, KafkaConnection connection, TimeProvider time, ILogger log) : IDisposable
{
    private readonly PolicyLog _policies = new(manifest.Name, connection, log);

    /// <summary>As it is now.</summary>
    public WorkflowLife Look() => _policies.Refresh();

    public IReadOnlyList<LifeEvent> History()
    {
        _policies.Refresh();
        return _policies.History;
    }

    /// <summary>From which offset on which version decided, by partition.</summary>
    public IReadOnlyList<Activation> Activations()
    {
        using var reader = new LogReader(connection, log);
        return ActivationLog.Read(reader, manifest.Name);
    }

    /// <summary>Hands a version in. It must compile, and suit the workflow.</summary>
    public LifeEvent Submit(string by, string reason, PolicyFiles files, PolicyOrigin? origin)
    {
        PolicyBundle bundle = files.Parse();
        if (files.Cases is { } cases)
        {
            PolicyCase.Read(cases);
        }

        _ = new WorkflowPlan(manifest, bundle);
        return _policies.Append(life => LifeRules.Submit(life, Act(by, reason), bundle.Hash, bundle.Name, bundle.Version, origin), files);
    }

    /// <summary>Runs the cases that came with a version; what they found is kept.</summary>
    /// <returns>What was kept, and each case that failed, in words.</returns>
    public (LifeEvent Event, IReadOnlyList<string> Failures) TestCases(string by, string reason, string hash)
    {
        PolicyLife policy = Resolve(hash);
        PolicyFiles files = FilesOf(policy.Hash);
        if (files.Cases is not { } cases)
        {
            throw new LifeRefusedException(
                $"{policy.Name} {policy.Version} came without cases: put NAME.cases.jsonl beside the policy and hand in the next version, "
                + "or test it against past traffic");
        }

        (PolicyTestResult result, IReadOnlyList<string> failures) = PolicyCase.RunAll(files.Parse(), cases);
        return (_policies.Append(life => LifeRules.Test(life, Act(by, reason), policy.Hash, result)), failures);
    }

    /// <summary>
    /// Decides past traffic under a version, beside what was decided; the differences are kept in a sentence, and by the digest of the report.
    /// </summary>
    public (LifeEvent Event, ReplayReport Report) TestTraffic(string by, string reason, string hash, CancellationToken stop)
    {
        PolicyLife policy = Resolve(hash);
        var run = new ReplayRun(manifest, FilesOf(policy.Hash).Parse(), connection, time, log);
        ReplayReport report = run.Run(new ReplayRequest { Parallelism = 1 }, stop) with { ElapsedSeconds = 0 };
        if (report.Events == 0)
        {
            throw new LifeRefusedException($"{manifest.SourceTopic} holds no events to test with");
        }

        byte[] digest = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(report));
        var result = new PolicyTestResult(
            "traffic", true, Convert.ToHexStringLower(digest), $"{report.Changed} of {report.Events} past outcomes would change");
        return (_policies.Append(life => LifeRules.Test(life, Act(by, reason), policy.Hash, result)), report);
    }

    public LifeEvent Approve(string by, string reason, string hash) => _policies.Append(life => LifeRules.Approve(life, Act(by, reason), hash));

    public LifeEvent Reject(string by, string reason, string hash) => _policies.Append(life => LifeRules.Reject(life, Act(by, reason), hash));

    public LifeEvent Activate(string by, string reason, string hash) => _policies.Append(life => LifeRules.Activate(life, Act(by, reason), hash));

    /// <param name="share">From 0 to 1.</param>
    public LifeEvent StartCanary(string by, string reason, string hash, double share) =>
        _policies.Append(life => LifeRules.StartCanary(life, Act(by, reason), hash, share));

    public LifeEvent EndCanary(string by, string reason) => _policies.Append(life => LifeRules.EndCanary(life, Act(by, reason)));

    public LifeEvent RollBack(string by, string reason) => _policies.Append(life => LifeRules.RollBack(life, Act(by, reason)));

    public LifeEvent Retire(string by, string reason, string hash) => _policies.Append(life => LifeRules.Retire(life, Act(by, reason), hash));

    public LifeEvent ProposeControl(string by, string reason, LifeControl control)
    {
        string text = JsonSerializer.Serialize(control);
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        return _policies.Append(life => LifeRules.ProposeControl(life, Act(by, reason), hash, control));
    }

    /// <summary>The files of a version as they were handed in.</summary>
    public PolicyFiles FilesOf(string hash)
    {
        PolicyLife policy = Resolve(hash);
        return _policies.Files(policy.Hash) ?? throw new WorkflowException($"{PolicyLog.TopicName} does not hold the files of {policy.Hash}");
    }

    public void Dispose() => _policies.Dispose();

    private PolicyLife Resolve(string hash) => LifeRules.Find(_policies.Refresh(), hash);

    private LifeAct Act(string by, string reason) => new(by, time.GetUtcNow(), reason);
}
