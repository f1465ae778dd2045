using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Streams;

namespace PipeRoll.Simulation.Kafka;

/// <summary>A commit of one partition's offset that a member has sent.</summary>
/// <param name="Note">Stored beside the offset, so that a fetch tells which commit it sees.</param>
internal sealed record CommitAttempt(int Partition, long Offset, int LeaderEpoch, string Note, long StartedAtStep)
{
    /// <summary>When it was acknowledged; it may still take effect later while this is null.</summary>
    public long? AcknowledgedAtStep { get; set; }

    /// <summary>It was refused in a way that says that it will never take effect.</summary>
    public bool Refused { get; set; }
}

/// <summary>What is committed, as somebody was told; offset -1 for nothing.</summary>
internal readonly record struct FetchedCommit(long Offset, int LeaderEpoch, string Note);

/// <summary>
/// What the members of one group know together: which generations there were, and how far was committed. A generation
/// that a member was handed its assignment in is the only one of its number, and no lower one comes after it.
/// </summary>
/// <remarks>Owner: the scenario; outlives brokers and members.</remarks>
internal sealed class GroupModel(SimulatedWorld world)
{
    private readonly Dictionary<int, string> _leaders = [];
    private readonly Dictionary<(int Generation, string Member), byte[]> _assignments = [];
    private readonly List<CommitAttempt> _commits = [];
    private int _attempts;
    private int _stableGeneration;

    /// <summary>The highest generation in which anybody was handed an assignment, and below which no later one may be.</summary>
    public int StableGeneration => MayBeginAnew ? 0 : _stableGeneration;

    /// <summary>
    /// A topic was deleted, any topic: groups that have neither members nor offsets left then end, as in Kafka, and begin anew when
    /// somebody joins.
    /// </summary>
    public bool TopicWasDeleted { get; set; }

    public bool MayBeginAnew => TopicWasDeleted && Commits == 0;

    public int Commits => _commits.Count(static commit => commit.AcknowledgedAtStep is not null);

    /// <param name="stableBefore">The highest stable generation when the join was sent.</param>
    public void Joined(string member, int generation, int stableBefore) => Require(
        generation >= stableBefore, $"{member} joined generation {generation}, but {stableBefore} was stable before");

    /// <summary>The leader is about to hand in what it has assigned.</summary>
    public void Assigning(int generation, string member, byte[] assignment) => _assignments[(generation, member)] = assignment;

    public void Synced(int generation, string leader, string member, ReadOnlySpan<byte> assignment)
    {
        if (!MayBeginAnew && _leaders.TryGetValue(generation, out string? known))
        {
            Require(known == leader, $"generation {generation} is led by {leader}, and by {known}");
        }

        _leaders[generation] = leader;
        _stableGeneration = Math.Max(_stableGeneration, generation);
        if (_assignments.TryGetValue((generation, member), out byte[]? assigned))
        {
            Require(assignment.SequenceEqual(assigned), $"{member} was handed another assignment in generation {generation} than its leader made");
        }
        else
        {
            Require(assignment.IsEmpty, $"{member} was handed an assignment in generation {generation} that nobody made");
        }
    }

    public CommitAttempt Committing(int partition, long offset, int leaderEpoch)
    {
        var commit = new CommitAttempt(partition, offset, leaderEpoch, $"commit {++_attempts}", world.Scheduler.Steps);
        _commits.Add(commit);
        return commit;
    }

    public void Committed(CommitAttempt commit)
    {
        if (MayBeginAnew)
        {
            // What was known may be of a group that has ended.
            _leaders.Clear();
            _stableGeneration = 0;
        }

        commit.AcknowledgedAtStep = world.Scheduler.Steps;
    }

    /// <summary>Somebody was told what is committed: it must be the last commit, or one that may be.</summary>
    /// <param name="askedAtStep">When it was asked.</param>
    public void Fetched(int partition, in FetchedCommit fetched, long askedAtStep)
    {
        (long offset, int leaderEpoch, string note) = fetched;
        CommitAttempt? seen = _commits.Find(commit => commit.Partition == partition && commit.Note == note);
        if (offset < 0)
        {
            CommitAttempt? lost = _commits.Find(commit => commit.Partition == partition && commit.AcknowledgedAtStep < askedAtStep);
            Require(lost is null, $"nothing is committed for partition {partition}, but {lost?.Offset} ({lost?.Note}) was");
            return;
        }

        Require(seen is not null && seen.Offset == offset && seen.LeaderEpoch == leaderEpoch, $"{offset} ({note}) is said to be committed for {partition}: nobody did");
        Require(!seen!.Refused, $"{offset} ({note}) is committed for {partition}, though it was refused");
        CommitAttempt? newer = _commits.Find(commit => commit.Partition == partition
            && seen.AcknowledgedAtStep < commit.StartedAtStep && commit.AcknowledgedAtStep < askedAtStep);
        Require(newer is null, $"{offset} ({note}) is said to be committed for {partition}, but {newer?.Offset} ({newer?.Note}) came after it");
    }

    public void Require(bool holds, string what)
    {
        if (!holds)
        {
            var broken = new BrokenPromiseException($"group: {what}");
            world.Fail(broken);
            throw broken;
        }
    }
}
