using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Policies;
using PipeRoll.Workflows.Deciding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Tests.Deciding;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Workflows.Tests.Versions;

/// <summary>Versions take over while workers run: from an offset on that is recorded, with the state of all events before it.</summary>
public sealed class VersionSwitchTests(DecidingFixture fixture) : IClassFixture<DecidingFixture>
{
    private const int Events = 400;

    [Fact]
    public void AVersionDecidesFromARecordedOffsetOnAndKnowsWhatCameBefore()
    {
        (WorkflowPlan plan, Ordered versions) = Governed("switch");
        var events = fixture.Produce(plan, Events, seed: 1);
        fixture.RunToEnd(plan, Events);
        versions.Order(new PolicyOrder(2, fixture.OtherPolicy));
        fixture.RunUntil(plan, _ => Activations(plan).Count == 2 * DecidingFixture.Partitions);
        fixture.ProduceMore(plan, Events, 2, events);
        fixture.RunToEnd(plan, 2 * Events);

        // While nothing happens a version takes over at once: exactly behind what was decided.
        Assert.All(Activations(plan).Where(static each => each.Sequence == 2), static each => Assert.Equal(Events, each.FromOffset));
        AssertDecided(plan, versions, events);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void WorkersThatDieBetweenVersionsLeaveNoEventUndecidedOrDecidedTwice(int seed)
    {
        (WorkflowPlan plan, Ordered versions) = Governed($"switch-crash-{seed}");
        var random = new Random(seed);
        var events = fixture.Produce(plan, Events, seed);
        for (int round = 0; round < 4; round++)
        {
            WorkerStep step = new[] { WorkerStep.Committed, WorkerStep.OffsetsSent, WorkerStep.Decided, WorkerStep.SnapshotSent }[random.Next(4)];
            CrashAt(plan, step, random.Next(50), events[0].Count);
            versions.Order(round % 2 == 0
                ? new PolicyOrder(round + 2, fixture.Policy, fixture.OtherPolicy, random.NextDouble())
                : new PolicyOrder(round + 2, round == 1 ? fixture.OtherPolicy : fixture.Policy));
            fixture.ProduceMore(plan, 50, seed, events);
        }

        int last = events[0].Count;
        fixture.RunUntil(plan, progress =>
            progress.Committed.Count == DecidingFixture.Partitions && progress.Committed.Values.All(next => next >= last)
            && Activations(plan).Count(static each => each.Sequence == 5) == DecidingFixture.Partitions);
        AssertDecided(plan, versions, events);
    }

    [Fact]
    public void ACanaryDecidesForItsShareOfTheKeysAndForNoOther()
    {
        (WorkflowPlan plan, Ordered versions) = Governed("canary", new PolicyOrder(1, fixture.Policy, fixture.OtherPolicy, 0.4));
        var events = fixture.Produce(plan, Events, seed: 7);
        fixture.RunToEnd(plan, Events);
        AssertDecided(plan, versions, events);
        string[] keys = [.. Enumerable.Range(0, 8).Select(static number => $"acc{number}")];
        int chosen = keys.Count(key => CanaryShare.Has(Encoding.UTF8.GetBytes(key), 0.4));
        Assert.InRange(chosen, 1, 7);
        Assert.All(keys, static key => Assert.True(
            !CanaryShare.Has(Encoding.UTF8.GetBytes(key), 0.2) || CanaryShare.Has(Encoding.UTF8.GetBytes(key), 0.4)));
    }

    /// <summary>
    /// Taking a partition over means to go on with what decided there last, also when somebody's open transaction hides that, and when this worker has
    /// not yet been told of it.
    /// </summary>
    [Fact]
    public async Task AWorkerGoesOnWithTheNewestActivationHoweverItIsHidden()
    {
        (WorkflowPlan plan, Ordered versions) = Governed("overtaken");
        var events = fixture.Produce(plan, 50, seed: 4);
        fixture.RunToEnd(plan, 50);
        IProducer<byte[]?, byte[]?>? other = null;
        fixture.RunUntil(plan, progress =>
        {
            if (progress.Recovered < DecidingFixture.Partitions)
            {
                return false;
            }

            if (other is null)
            {
                other = fixture.OpenTransactionOn(ActivationLog.TopicName);
                versions.Order(new PolicyOrder(2, fixture.OtherPolicy));
            }

            fixture.ProduceMore(plan, 5, 4, events);
            return Enumerable.Range(0, DecidingFixture.Partitions).All(partition => fixture.Decided(plan, partition)
                .Any(each => each.Value.Contains(fixture.OtherPolicy.Hash, StringComparison.Ordinal)));
        });
        Assert.All(Activations(plan), static each => Assert.Equal(1, each.Sequence));

        versions.Order(new PolicyOrder(1, fixture.Policy));
        fixture.ProduceMore(plan, 30, 4, events);
        Task next = Task.Factory.StartNew(
            () => fixture.RunToEnd(plan, events[0].Count), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await Task.WhenAny(next, Task.Delay(2_000));
        Assert.False(next.IsCompleted);
        other!.CommitTransaction(TimeSpan.FromSeconds(20));
        other.Dispose();
        await next;
        AssertDecided(plan, versions, events);
        Assert.Equal([1L, 1, 2, 2], Activations(plan).Select(static each => each.Sequence).Order());
    }

    private (WorkflowPlan Plan, Ordered Versions) Governed(string name, PolicyOrder? first = null)
    {
        var versions = new Ordered(first ?? new PolicyOrder(1, fixture.Policy), [fixture.Policy, fixture.OtherPolicy]);
        return (new WorkflowPlan(fixture.NewPlan(name).Manifest, fixture.Policy, versions: versions), versions);
    }

    /// <summary>Runs a worker that dies at a step, or comes to the end of what there is.</summary>
    private void CrashAt(WorkflowPlan plan, WorkerStep step, int after, int perPartition)
    {
        int steps = 0;
        var options = DecidingFixture.Fast with
        {
            OnStep = (at, _) =>
            {
                if (at == step && Interlocked.Increment(ref steps) > after)
                {
                    throw new TestCrashException();
                }
            },
        };
        try
        {
            fixture.RunToEnd(plan, perPartition, options);
        }
        catch (Exception crash) when (crash is TestCrashException or WorkflowException)
        {
            // It died where it was to die, or a little later.
        }
    }

    private IReadOnlyList<Activation> Activations(WorkflowPlan plan)
    {
        using var reader = new LogReader(fixture.Cluster.Connection, NullLogger.Instance);
        return ActivationLog.Read(reader, plan.Manifest.Name);
    }

    /// <summary>
    /// Each event is decided once, by the version that the activations name for its offset and key, to the bytes that this version gives if it sees
    /// all events from the first on.
    /// </summary>
    private void AssertDecided(WorkflowPlan plan, Ordered versions, List<(byte[] Key, byte[] Value)>[] events)
    {
        IReadOnlyList<Activation> activations = Activations(plan);
        for (int partition = 0; partition < DecidingFixture.Partitions; partition++)
        {
            List<(long Offset, string Value)> found = [];
            SpinWait.SpinUntil(() => (found = fixture.Decided(plan, partition)).Count >= events[partition].Count, DecidingFixture.HangsAfterMs);
            Dictionary<string, List<(long Offset, string Value)>> pure = versions.All.ToDictionary(
                static version => version.Hash,
                version => DecidingFixture.Expected(
                    new WorkflowPlan(plan.Manifest, version), partition, events[partition])[plan.Manifest.DecisionTopic]);
            Activation[] own = [.. activations.Where(each => each.Partition == partition)];
            Assert.Equal(0, own[0].FromOffset);
            Assert.Equal(own.OrderBy(static each => each.FromOffset).ThenBy(static each => each.Sequence), own);
            List<(long, string)> expected = [];
            for (int offset = 0; offset < events[partition].Count; offset++)
            {
                Activation inForce = own.Last(each => each.FromOffset <= offset);
                bool isCanary = inForce.Canary is not null && CanaryShare.Has(events[partition][offset].Key, inForce.CanaryShare);
                expected.Add(pure[isCanary ? inForce.Canary! : inForce.Active][offset]);
            }

            Assert.Equal(expected, found);
        }
    }

    private sealed class Ordered(PolicyOrder first, IReadOnlyList<PolicyBundle> all) : IPolicyVersions
    {
        private PolicyOrder _current = first;

        public bool IsGoverned => true;

        public IReadOnlyList<PolicyBundle> All => all;

        public PolicyOrder Current => Volatile.Read(ref _current);

        public PolicyBundle? Find(string hash) => all.FirstOrDefault(each => each.Hash == hash);

        public void Order(PolicyOrder next) => Volatile.Write(ref _current, next);
    }

    private sealed class TestCrashException : Exception;
}
