using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Groups.Offsets;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// OffsetCommit (8): stores how far a group has consumed. Answered when the offsets are durable.
/// </summary>
/// <remarks>
/// A generation of -1 is a simple consumer or an administrator: good while the group is empty. Offsets of topics that do
/// not exist, and notes that are too long, are refused one by one; everything else is taken whole or not at all. The
/// retention of version 2 to 4 becomes an expiry of these offsets alone. Version 9 on can be told of stale member epochs, version 10 names
/// topics by id.
/// </remarks>
internal sealed class OffsetCommitHandler(GroupCoordinator groups, TopicDirectory topics, GroupOptions options, TimeProvider time)
    : Handler<OffsetCommitRequest, OffsetCommitResponse>
{
    public override async ValueTask<OffsetCommitResponse> HandleAsync(OffsetCommitRequest request, RequestContext context)
    {
        if (!context.Allows(AclOperation.Read, ResourceType.Group, request.GroupId))
        {
            return Answer(request, KafkaError.GroupAuthorizationFailed, null);
        }

        if (context.Version >= 10)
        {
            foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
            {
                topic.Name = topics.Find(topic.TopicId)?.Name ?? "";
            }
        }

        HashSet<string> denied =
        [
            .. request.Topics.Select(static topic => topic.Name)
                .Where(topic => !context.Allows(AclOperation.Read, ResourceType.Topic, topic)),
        ];
        long nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        long expireMs = request.RetentionTimeMs < 0 ? -1 : nowMs + request.RetentionTimeMs;
        List<OffsetCommitEntry> entries = [];
        foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
        {
            foreach (OffsetCommitRequest.OffsetCommitRequestPartition partition in topic.Partitions)
            {
                if (Check(topic, partition, denied) == KafkaError.None)
                {
                    entries.Add(new OffsetCommitEntry(
                        new GroupPartition(topic.Name, partition.PartitionIndex),
                        new CommittedOffset(
                            partition.CommittedOffset, partition.CommittedLeaderEpoch, partition.CommittedMetadata ?? "",
                            nowMs, expireMs)));
                }
            }
        }

        KafkaError error = await groups.CommitAsync(
            request.GroupId,
            new CommitIdentity(request.MemberId, request.GroupInstanceId, request.GenerationIdOrMemberEpoch, context.Version >= 9), entries,
            new Committer(context.Client.Principal, context.ClientId ?? ""));
        return Answer(request, error, denied);
    }

    private KafkaError Check(
        OffsetCommitRequest.OffsetCommitRequestTopic topic, OffsetCommitRequest.OffsetCommitRequestPartition partition,
        HashSet<string> denied)
    {
        if (denied.Contains(topic.Name))
        {
            return KafkaError.TopicAuthorizationFailed;
        }

        if (topics.Find(topic.Name) is null)
        {
            return topic.TopicId == Guid.Empty ? KafkaError.UnknownTopicOrPartition : KafkaError.UnknownTopicId;
        }

        return partition.CommittedMetadata?.Length > options.OffsetMetadataBytesMax
            ? KafkaError.OffsetMetadataTooLarge
            : KafkaError.None;
    }

    private OffsetCommitResponse Answer(OffsetCommitRequest request, KafkaError error, HashSet<string>? denied)
    {
        OffsetCommitResponse response = new() { Topics = new(request.Topics.Count) };
        foreach (OffsetCommitRequest.OffsetCommitRequestTopic topic in request.Topics)
        {
            OffsetCommitResponse.OffsetCommitResponseTopic answered = new()
            {
                Name = topic.Name,
                TopicId = topic.TopicId,
                Partitions = new(topic.Partitions.Count),
            };
            foreach (OffsetCommitRequest.OffsetCommitRequestPartition partition in topic.Partitions)
            {
                // Of a group that may not be touched nothing else is told.
                KafkaError own = denied is null ? KafkaError.None : Check(topic, partition, denied);
                answered.Partitions.Add(new OffsetCommitResponse.OffsetCommitResponsePartition
                {
                    PartitionIndex = partition.PartitionIndex,
                    ErrorCode = (short)(own == KafkaError.None ? error : own),
                });
            }

            response.Topics.Add(answered);
        }

        return response;
    }
}
