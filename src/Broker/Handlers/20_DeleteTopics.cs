using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DeleteTopics (20): takes topics away, by name or (version 6 on) by id. The records are deleted in the background.
/// </summary>
/// <remarks>
/// Internal topics are protected. With delete.topic.enable=false: TOPIC_DELETION_DISABLED (version 3 on), else INVALID_REQUEST.
/// </remarks>
internal sealed class DeleteTopicsHandler(BrokerServices services) : Handler<DeleteTopicsRequest, DeleteTopicsResponse>
{
    private const short FirstVersionWithQuota = 5;

    public override async ValueTask<DeleteTopicsResponse> HandleAsync(DeleteTopicsRequest request, RequestContext context)
    {
        var response = new DeleteTopicsResponse { Responses = [] };
        if (context.Version >= 6)
        {
            foreach (DeleteTopicsRequest.DeleteTopicState wanted in request.Topics)
            {
                Topic? topic = wanted.Name is { } name ? services.Topics.Find(name) : services.Topics.Find(wanted.TopicId);
                KafkaError missing = wanted.Name is null ? KafkaError.UnknownTopicId : KafkaError.UnknownTopicOrPartition;
                response.Responses.Add(await DeleteAsync(topic, wanted.Name, wanted.TopicId, missing, context));
            }

            return response;
        }

        foreach (string name in request.TopicNames)
        {
            response.Responses.Add(
                await DeleteAsync(services.Topics.Find(name), name, Guid.Empty, KafkaError.UnknownTopicOrPartition, context));
        }

        return response;
    }

    private async ValueTask<DeleteTopicsResponse.DeletableTopicResult> DeleteAsync(
        Topic? topic, string? name, Guid id, KafkaError missing, RequestContext context)
    {
        var answer = new DeleteTopicsResponse.DeletableTopicResult { Name = topic?.Name ?? name, TopicId = topic?.Id ?? id };
        // By id: a topic that may not be described has its name kept back.
        if (topic is not null && name is null && !context.Allows(AclOperation.Describe, ResourceType.Topic, topic.Name))
        {
            answer.Name = null;
            return Refuse(answer, KafkaError.TopicAuthorizationFailed, "not allowed to describe this topic");
        }

        if ((name ?? topic?.Name) is { } named && !context.Allows(AclOperation.Delete, ResourceType.Topic, named))
        {
            answer.TopicId = id;
            return Refuse(answer, KafkaError.TopicAuthorizationFailed, "not allowed to delete this topic");
        }

        if (!services.Options.DeleteTopics)
        {
            return Refuse(answer, context.Version >= 3 ? KafkaError.TopicDeletionDisabled : KafkaError.InvalidRequest,
                "deleting topics is switched off (delete.topic.enable)");
        }

        if (topic is null)
        {
            return Refuse(answer, missing, "there is no such topic");
        }

        if (topic.IsInternal)
        {
            return Refuse(answer, KafkaError.InvalidRequest, $"Topic '{topic.Name}' is the broker's own and can't be deleted.");
        }

        if (!services.Quotas.MayChange(context, topic.Partitions.Count, context.Version >= FirstVersionWithQuota))
        {
            return Refuse(answer, KafkaError.ThrottlingQuotaExceeded, "The throttling quota has been exceeded.");
        }

        TopicChange change = await services.Topics.DeleteAsync(topic.Name, context.Client.Principal, CancellationToken.None);
        return change.Error == KafkaError.None ? answer : Refuse(answer, change.Error, change.Message);
    }

    private static DeleteTopicsResponse.DeletableTopicResult Refuse(
        DeleteTopicsResponse.DeletableTopicResult answer, KafkaError error, string? message)
    {
        answer.ErrorCode = (short)error;
        answer.ErrorMessage = message;
        return answer;
    }
}
