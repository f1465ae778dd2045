using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Topics;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// CreateTopics (19): makes topics; what is wrong with one does not touch the others.
/// </summary>
/// <remarks>
/// Assignments are honoured: the first broker listed that can take the partition leads it. Partitions -1 and replication factor -1
/// take the broker's defaults. Any replication factor from 1 on is accepted and reported as 1 (see <see cref="TopicRules"/>). A topic
/// named twice in one request is refused. From version 5 on the answer has the topic's configs; from 7 on its id. validateOnly (1 on)
/// checks everything and makes nothing.
/// </remarks>
internal sealed class CreateTopicsHandler(BrokerServices services) : Handler<CreateTopicsRequest, CreateTopicsResponse>
{
    private const short FirstVersionWithQuota = 6;

    public override async ValueTask<CreateTopicsResponse> HandleAsync(CreateTopicsRequest request, RequestContext context)
    {
        var response = new CreateTopicsResponse { Topics = new(request.Topics.Count) };
        HashSet<string> twice =
            [.. request.Topics.GroupBy(topic => topic.Name).Where(group => group.Count() > 1).Select(group => group.Key)];
        var answered = new HashSet<string>();
        foreach (CreateTopicsRequest.CreatableTopic wanted in request.Topics)
        {
            if (!answered.Add(wanted.Name))
            {
                continue;
            }

            response.Topics.Add(twice.Contains(wanted.Name)
                ? Refused(wanted.Name, KafkaError.InvalidRequest, $"Topic '{wanted.Name}' is listed more than once.")
                : await CreateAsync(wanted, request.ValidateOnly, context));
        }

        return response;
    }

    private async ValueTask<CreateTopicsResponse.CreatableTopicResult> CreateAsync(
        CreateTopicsRequest.CreatableTopic wanted, bool validateOnly, RequestContext context)
    {
        // Whether it exists is not told to whoever may not make it.
        if (!MayCreate(context, wanted.Name))
        {
            return Refused(wanted.Name, KafkaError.TopicAuthorizationFailed, "not allowed to create this topic");
        }

        if (TopicRules.RefuseName(services.Topics, wanted.Name) is { } nameRefused)
        {
            return Refused(wanted.Name, nameRefused.Error, nameRefused.Message);
        }

        if (TopicNames.IsInternal(wanted.Name))
        {
            return Refused(
                wanted.Name, KafkaError.InvalidTopicException, $"Topic '{wanted.Name}' is the broker's own: it is made when needed.");
        }

        TopicPlan plan = TopicRules.Plan(wanted, services.Options, services.Cluster);
        if (plan.Error != KafkaError.None)
        {
            return Refused(wanted.Name, plan.Error, plan.Message);
        }

        if (validateOnly)
        {
            return Described(wanted.Name, Guid.Empty, plan.Partitions, plan.Configs, context);
        }

        if (!services.Quotas.MayChange(context, plan.Partitions, context.Version >= FirstVersionWithQuota))
        {
            return Refused(wanted.Name, KafkaError.ThrottlingQuotaExceeded, "The throttling quota has been exceeded.");
        }

        TopicChange change = await services.Topics.CreateAsync(
            wanted.Name, plan.Partitions, plan.Configs, isInternal: false, context.Client.Principal, CancellationToken.None,
            plan.Owners);
        return change.Topic is { } made
            ? Described(made.Name, made.Id, made.Partitions.Count, made.Configs, context)
            : Refused(wanted.Name, change.Error, change.Message);
    }

    /// <summary>By the right to create in the whole cluster, or topics of this name.</summary>
    internal static bool MayCreate(RequestContext context, string topic) =>
        context.MaySee(AclOperation.Create, ResourceType.Cluster, AclNames.Cluster)
        || context.Allows(AclOperation.Create, ResourceType.Topic, topic);

    private CreateTopicsResponse.CreatableTopicResult Described(
        string name, Guid id, int partitions, IReadOnlyDictionary<string, string> configs, RequestContext context) =>
        context.MaySee(AclOperation.DescribeConfigs, ResourceType.Topic, name) ? Described(name, id, partitions, configs) : new()
        {
            Name = name,
            TopicId = id,
            TopicConfigErrorCode = (short)KafkaError.TopicAuthorizationFailed,
            NumPartitions = -1,
            ReplicationFactor = -1,
            Configs = null,
        };

    private CreateTopicsResponse.CreatableTopicResult Described(
        string name, Guid id, int partitions, IReadOnlyDictionary<string, string> configs) => new()
        {
            Name = name,
            TopicId = id,
            NumPartitions = partitions,
            ReplicationFactor = TopicRules.ReplicationFactor,
            Configs = [.. ConfigDescriber.OfTopic(configs, services.Configs.Layers).Select(config => new CreateTopicsResponse.CreatableTopicConfigs
            {
                Name = config.Key.Name,
                Value = config.Value,
                ReadOnly = false,
                ConfigSource = (sbyte)config.Source,
                IsSensitive = config.Key.IsSensitive,
            })],
        };

    private static CreateTopicsResponse.CreatableTopicResult Refused(string name, KafkaError error, string? message) => new()
    {
        Name = name,
        ErrorCode = (short)error,
        ErrorMessage = message,
        Configs = [],
    };
}
