using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;

namespace PipeRoll.Simulation.Streams;

/// <summary>
/// What simulation has found once. Each test runs seeds under the conditions of its story, since any change of the code
/// gives a lone seed another meaning; <c>PIPEROLL_SIM_SEEDS</c> and <c>PIPEROLL_SIM_FROM</c> widen it.
/// </summary>
public sealed class FoundBySimulationTests
{
    private const int SeedsPerStory = 25;

    /// <summary>After a failed sync and a restart the page cache showed a group that no later sync wrote; a power loss took it.</summary>
    [Fact]
    public void A_group_whose_sync_failed_is_written_again_at_recovery() => Run(plan => plan with
    {
        Disk = plan.Disk with { FailedSync = 0.03 },
        Incarnations = 4,
    });

    /// <summary>A commit took effect but its answer was lost: every further upload of the stream was refused as discontiguous.</summary>
    [Fact]
    public void A_commit_whose_answer_was_lost_is_taken_over() => Run(plan => plan with
    {
        Metadata = plan.Metadata with { ErrorAfter = 0.2 },
    });

    /// <summary>An open took effect but its answer was lost: the uploader took its epoch for a stranger's and dropped batches.</summary>
    [Fact]
    public void An_open_whose_answer_was_lost_drops_nothing() => Run(plan => plan with
    {
        Metadata = plan.Metadata with { ErrorBefore = 0.1, ErrorAfter = 0.3 },
        Options = plan.Options with { UploadAge = TimeSpan.FromMilliseconds(1) },
    });

    /// <summary>A wait of less than a millisecond was rounded down to none, and the uploader spun.</summary>
    [Fact]
    public void An_upload_that_is_nearly_due_does_not_spin() => Run(plan => plan with
    {
        Options = plan.Options with { UploadAge = TimeSpan.FromMicroseconds(1500) },
    });

    /// <summary>A storm of 503s outlived the time to live of prepared objects: they arrived after their deletion and stayed.</summary>
    [Fact]
    public void A_storm_longer_than_the_time_to_live_leaves_no_orphans() => Run(plan => plan with
    {
        StormProbability = 1,
        Options = plan.Options with { PreparedTimeToLive = TimeSpan.FromSeconds(30), StoreRetryDelayMax = TimeSpan.FromSeconds(8) },
    });

    /// <summary>A storm held a read up until its object, replaced meanwhile, was deleted: it reported lost data.</summary>
    [Fact]
    public void A_read_that_outlives_its_object_finds_the_next_one() => Run(plan => plan with
    {
        StormProbability = 1,
        WorkTime = TimeSpan.FromSeconds(30),
        CrashProbability = 0,
        Incarnations = 1,
        Streams = 1,
        Options = plan.Options with { UploadBytes = 2048, ReadGrace = TimeSpan.FromSeconds(15), BlockCacheBytesMax = 32 * 1024 },
    });

    /// <summary>Retention by size counted batches twice whose commit was under way, and deleted more than it was allowed to.</summary>
    [Fact]
    public void Retention_by_size_keeps_what_it_must_beside_uploads() => Run(plan => plan with
    {
        Metadata = MetadataFaults.None with { LatencyMsMax = 80 },
        CrashProbability = 0,
        BatchBytesMax = 6000,
    });

    private static void Run(Func<ScenarioPlan, ScenarioPlan> change) =>
        Seeds.ForEach(SeedsPerStory, world => StreamsScenario.RunAsync(world, PlantedBug.None, change), 10_001);
}
