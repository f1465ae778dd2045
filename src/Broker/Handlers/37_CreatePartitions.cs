using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// CreatePartitions (37): adds partitions to topics; a topic never gets fewer.
/// </summary>
/// <remarks>
/// Assignments, if given, must name brokers of this cluster for each new partition; the first that can leads it. Internal topics are
/// protected.
/// </remarks>
internal sealed class CreatePartitionsHandler(BrokerServices services) : Handler<CreatePartitionsRequest, CreatePartitionsResponse>
{
    private const short FirstVersionWithQuota = 3;

    public override async ValueTask<CreatePartitionsResponse> HandleAsync(CreatePartitionsRequest request, RequestContext context)
    {
        var response = new CreatePartitionsResponse { Results = new(request.Topics.Count) };
        foreach (CreatePartitionsRequest.CreatePartitionsTopic wanted in request.Topics)
        {
            (KafkaError error, string? message) = context.Allows(AclOperation.Alter, ResourceType.Topic, wanted.Name)
                ? Refuse(wanted)
                : (KafkaError.TopicAuthorizationFailed, "not allowed to alter this topic");
            if (error == KafkaError.None && !request.ValidateOnly
                && !services.Quotas.MayChange(
                    context, wanted.Count - services.Topics.Find(wanted.Name)!.Partitions.Count, context.Version >= FirstVersionWithQuota))
            {
                (error, message) = (KafkaError.ThrottlingQuotaExceeded, "The throttling quota has been exceeded.");
            }

            if (error == KafkaError.None && !request.ValidateOnly)
            {
                TopicChange change =
                    await services.Topics.AddPartitionsAsync(
                        wanted.Name, wanted.Count, context.Client.Principal, CancellationToken.None, OwnersOf(wanted));
                (error, message) = (change.Error, change.Message);
            }

            response.Results.Add(new CreatePartitionsResponse.CreatePartitionsTopicResult
            {
                Name = wanted.Name,
                ErrorCode = (short)error,
                ErrorMessage = message,
            });
        }

        return response;
    }

    private IReadOnlyList<BrokerEpoch>? OwnersOf(CreatePartitionsRequest.CreatePartitionsTopic wanted) => wanted.Assignments is { } assignments
        ? TopicRules.OwnersOf(assignments.Select(assignment => assignment.BrokerIds), services.Cluster)
        : null;

    private (KafkaError Error, string? Message) Refuse(CreatePartitionsRequest.CreatePartitionsTopic wanted)
    {
        if (services.Topics.Find(wanted.Name) is not { } topic)
        {
            return (KafkaError.UnknownTopicOrPartition, $"Topic '{wanted.Name}' does not exist.");
        }

        if (topic.IsInternal)
        {
            return (KafkaError.InvalidTopicException, $"Topic '{wanted.Name}' is the broker's own: its partitions stay as they are.");
        }

        int now = topic.Partitions.Count;
        if (wanted.Count <= now || wanted.Count > services.Options.PartitionsPerTopicMax)
        {
            return (KafkaError.InvalidPartitions,
                $"Topic '{wanted.Name}' has {now} partitions; the new number must be larger and at most "
                + $"{services.Options.PartitionsPerTopicMax}, but is {wanted.Count}.");
        }

        if (wanted.Assignments is not { } assignments)
        {
            return (KafkaError.None, null);
        }

        if (assignments.Count != wanted.Count - now)
        {
            return (KafkaError.InvalidReplicaAssignment,
                $"{wanted.Count - now} partitions are added but {assignments.Count} are assigned.");
        }

        string? wrong = assignments
            .Select(assignment => TopicRules.RefuseBrokers(assignment.BrokerIds, services.Cluster))
            .FirstOrDefault(text => text is not null);
        return wrong is null ? (KafkaError.None, null) : (KafkaError.InvalidReplicaAssignment, $"In the assignments, {wrong}");
    }
}
