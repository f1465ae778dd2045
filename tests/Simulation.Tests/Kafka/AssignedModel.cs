using PipeRoll.Simulation.Engine;

namespace PipeRoll.Simulation.Kafka;

/// <summary>
/// What the members of a group of the consumer protocol know together: no partition is with two of them while both may rely on it, and
/// who joins is never told of an epoch below one that was told before.
/// </summary>
/// <remarks>Owner: the scenario; outlives brokers and members.</remarks>
internal sealed class AssignedModel(SimulatedWorld world)
{
    private readonly Dictionary<string, (IReadOnlyCollection<int> Owned, DateTimeOffset Until)> _leases = [];
    private int _highest;

    /// <summary>What is committed.</summary>
    public GroupModel Commits { get; } = new(world);

    /// <summary>The highest epoch that anybody was told.</summary>
    public int HighestEpoch => Commits.MayBeginAnew ? 0 : _highest;

    public DateTimeOffset Now => world.Driver.Time.GetUtcNow();

    /// <summary>A heartbeat was answered.</summary>
    /// <param name="highestBefore">The highest epoch when it was sent, if it was to join.</param>
    /// <param name="sessionMs">The member may rely on what it has for so long after it asked, whatever becomes of the answer to its next heartbeat.</param>
    public void Told(string member, int epoch, int? highestBefore, IReadOnlyCollection<int> owned, DateTimeOffset askedAt, int sessionMs)
    {
        Commits.Require(highestBefore is null || epoch >= highestBefore, $"{member} joined in epoch {epoch}, but {highestBefore} was told before");
        _highest = Math.Max(_highest, epoch);
        _leases[member] = ([.. owned], askedAt.AddMilliseconds(sessionMs));
        foreach ((string other, (IReadOnlyCollection<int> theirs, DateTimeOffset until)) in _leases)
        {
            bool isShared = other != member && until > Now && theirs.Intersect(owned).Any();
            Commits.Require(!isShared, $"{member} and {other} both have one of the partitions {string.Join(' ', theirs.Intersect(owned))}");
        }
    }

    /// <summary>The member has nothing any more.</summary>
    public void Lost(string member) => _leases.Remove(member);
}
