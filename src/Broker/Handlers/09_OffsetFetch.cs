using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// OffsetFetch (9): the committed offsets of a group, since version 8 of several (KIP-709).
/// </summary>
/// <remarks>
/// No list of topics asks for everything that is committed (version 2 on). What was never committed is -1 without an
/// error. Version 7 on can insist on stable offsets: a commit on its way is then UNSTABLE_OFFSET_COMMIT. Version 1 has
/// no place for an error of the group but the partitions. Version 9 on fences members by their epoch, version 10 names topics by id.
/// </remarks>
internal sealed class OffsetFetchHandler(GroupCoordinator groups, TopicDirectory topics) : Handler<OffsetFetchRequest, OffsetFetchResponse>
{
    private const long NoOffset = -1;

    public override async ValueTask<OffsetFetchResponse> HandleAsync(OffsetFetchRequest request, RequestContext context)
    {
        if (context.Version < 8)
        {
            if (!context.Allows(AclOperation.Describe, ResourceType.Group, request.GroupId))
            {
                return DeniedOne(request, context.Version);
            }

            await groups.WhenLoadedAsync(request.GroupId, context.Cancellation);
            return One(request, context);
        }

        HashSet<string> denied =
        [
            .. request.Groups.Select(static group => group.GroupId)
                .Where(group => !context.Allows(AclOperation.Describe, ResourceType.Group, group)),
        ];
        foreach (OffsetFetchRequest.OffsetFetchRequestGroup group in request.Groups.Where(group => !denied.Contains(group.GroupId)))
        {
            await groups.WhenLoadedAsync(group.GroupId, context.Cancellation);
        }

        return Many(request, denied, context);
    }

    private OffsetFetchResponse Many(OffsetFetchRequest request, HashSet<string> denied, RequestContext context)
    {
        OffsetFetchResponse response = new() { Groups = new(request.Groups.Count) };
        foreach (OffsetFetchRequest.OffsetFetchRequestGroup group in request.Groups)
        {
            if (denied.Contains(group.GroupId))
            {
                response.Groups.Add(new OffsetFetchResponse.OffsetFetchResponseGroup
                {
                    GroupId = group.GroupId,
                    ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
                    Topics = [],
                });
                continue;
            }

            bool byId = context.Version >= 10;
            List<OffsetFetchRequest.OffsetFetchRequestTopics> unknown = byId ? ResolveIds(group) : [];
            List<GroupPartition>? wanted = group.Topics is null
                ? null
                : [.. group.Topics.SelectMany(
                    static topic => topic.PartitionIndexes, static (topic, index) => new GroupPartition(topic.Name, index))];
            (KafkaError error, IReadOnlyList<FetchedOffset> offsets) =
                groups.FetchOffsets(group.GroupId, wanted, request.RequireStable, group.MemberId, group.MemberEpoch);
            offsets = OnlyAllowed(offsets, isAll: wanted is null, context);
            OffsetFetchResponse.OffsetFetchResponseGroup answered = new()
            {
                GroupId = group.GroupId,
                ErrorCode = (short)error,
                Topics = [.. offsets.GroupBy(static offset => offset.Partition.Topic).Select(topic =>
                    new OffsetFetchResponse.OffsetFetchResponseTopics
                    {
                        Name = topic.Key,
                        TopicId = byId ? topics.Find(topic.Key)?.Id ?? Guid.Empty : Guid.Empty,
                        Partitions = [.. topic.Select(static offset => new OffsetFetchResponse.OffsetFetchResponsePartitions
                        {
                            PartitionIndex = offset.Partition.Partition,
                            CommittedOffset = offset.Committed?.Offset ?? NoOffset,
                            CommittedLeaderEpoch = offset.Committed?.LeaderEpoch ?? -1,
                            Metadata = offset.Committed?.Metadata ?? "",
                            ErrorCode = (short)offset.Error,
                        })],
                    })],
            };
            answered.Topics.AddRange(unknown.Select(UnknownId));
            response.Groups.Add(answered);
        }

        return response;
    }

    /// <summary>Of all offsets, those of topics that may not be described are left out; where they were named, they are refused.</summary>
    private static IReadOnlyList<FetchedOffset> OnlyAllowed(IReadOnlyList<FetchedOffset> offsets, bool isAll, RequestContext context)
    {
        if (context.Guard.Authorizer.AllowsEverything)
        {
            return offsets;
        }

        HashSet<string> denied =
        [
            .. offsets.Select(static offset => offset.Partition.Topic).Distinct().Where(topic => isAll
                ? !context.MaySee(AclOperation.Describe, ResourceType.Topic, topic)
                : !context.Allows(AclOperation.Describe, ResourceType.Topic, topic)),
        ];
        return isAll
            ? [.. offsets.Where(offset => !denied.Contains(offset.Partition.Topic))]
            : [.. offsets.Select(offset => denied.Contains(offset.Partition.Topic)
                ? new FetchedOffset(offset.Partition, null, KafkaError.TopicAuthorizationFailed)
                : offset)];
    }

    /// <summary>Version 1 has no place for an error of the group but the partitions.</summary>
    private static OffsetFetchResponse DeniedOne(OffsetFetchRequest request, short version) => new()
    {
        ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
        Topics = version >= 2 ? [] : [.. (request.Topics ?? []).Select(static topic => new OffsetFetchResponse.OffsetFetchResponseTopic
        {
            Name = topic.Name,
            Partitions = [.. topic.PartitionIndexes.Select(static index => new OffsetFetchResponse.OffsetFetchResponsePartition
            {
                PartitionIndex = index,
                CommittedOffset = NoOffset,
                Metadata = "",
                ErrorCode = (short)KafkaError.GroupAuthorizationFailed,
            })],
        })],
    };

    /// <summary>Fills in the names, and takes out the topics that nobody knows by their id.</summary>
    private List<OffsetFetchRequest.OffsetFetchRequestTopics> ResolveIds(OffsetFetchRequest.OffsetFetchRequestGroup group)
    {
        List<OffsetFetchRequest.OffsetFetchRequestTopics> unknown = [];
        foreach (OffsetFetchRequest.OffsetFetchRequestTopics topic in group.Topics ?? [])
        {
            topic.Name = topics.Find(topic.TopicId)?.Name ?? "";
            if (topic.Name.Length == 0)
            {
                unknown.Add(topic);
            }
        }

        group.Topics?.RemoveAll(static topic => topic.Name.Length == 0);
        return unknown;
    }

    private static OffsetFetchResponse.OffsetFetchResponseTopics UnknownId(OffsetFetchRequest.OffsetFetchRequestTopics topic) => new()
    {
        TopicId = topic.TopicId,
        Partitions = [.. topic.PartitionIndexes.Select(static index => new OffsetFetchResponse.OffsetFetchResponsePartitions
        {
            PartitionIndex = index,
            CommittedOffset = NoOffset,
            Metadata = "",
            ErrorCode = (short)KafkaError.UnknownTopicId,
        })],
    };

    private OffsetFetchResponse One(OffsetFetchRequest request, RequestContext context)
    {
        List<GroupPartition>? wanted = request.Topics is null
            ? null
            : [.. request.Topics.SelectMany(
                static topic => topic.PartitionIndexes, static (topic, index) => new GroupPartition(topic.Name, index))];
        (KafkaError error, IReadOnlyList<FetchedOffset> offsets) = groups.FetchOffsets(request.GroupId, wanted, request.RequireStable);
        offsets = OnlyAllowed(offsets, isAll: wanted is null, context);
        if (error != KafkaError.None && context.Version < 2)
        {
            offsets = [.. (wanted ?? []).Select(partition => new FetchedOffset(partition, null, error))];
        }

        return new OffsetFetchResponse
        {
            ErrorCode = (short)error,
            Topics = [.. offsets.GroupBy(static offset => offset.Partition.Topic).Select(static topic =>
                new OffsetFetchResponse.OffsetFetchResponseTopic
                {
                    Name = topic.Key,
                    Partitions = [.. topic.Select(static offset => new OffsetFetchResponse.OffsetFetchResponsePartition
                    {
                        PartitionIndex = offset.Partition.Partition,
                        CommittedOffset = offset.Committed?.Offset ?? NoOffset,
                        CommittedLeaderEpoch = offset.Committed?.LeaderEpoch ?? -1,
                        Metadata = offset.Committed?.Metadata ?? "",
                        ErrorCode = (short)offset.Error,
                    })],
                })],
        };
    }
}
