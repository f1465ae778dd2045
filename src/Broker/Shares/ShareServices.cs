using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Topics;

namespace PipeRoll.Broker.Shares;

/// <summary>What share groups need at the brokers that lead their partitions.</summary>
internal sealed record ShareServices(
    GroupOptions Options,
    TopicDirectory Topics,
    IShareStates States,
    TimeProvider Time,
    GroupClock Clock,
    BackgroundTasks Background,
    GroupSettings Settings,
    DecompressorPool Decompressors,
    CancellationToken Stopping);
