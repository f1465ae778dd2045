using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Topics;

namespace PipeRoll.Broker.Shares;

/// <summary>What share groups need at the brokers that lead their partitions.</summary>
/// <param name="LockMs">For how long a member of the group holds what it acquired.</param>
/// <param name="BeginsAtStart">Whether a group without a state begins with the oldest record, else with the next one.</param>
internal sealed record ShareServices(
    GroupOptions Options,
    TopicDirectory Topics,
    IShareStates States,
    TimeProvider Time,
    GroupClock Clock,
    BackgroundTasks Background,
    Func<string, int> LockMs,
    Func<string, bool> BeginsAtStart,
    CancellationToken Stopping);
