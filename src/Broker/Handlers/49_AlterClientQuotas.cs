using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AlterClientQuotas (49, KIP-546): sets and removes quotas. All changes of an entity happen or none does; what is wrong with one entity
/// does not touch the others. They count from the next request on, on every broker as soon as it has word of them.
/// </summary>
internal sealed class AlterClientQuotasHandler(BrokerServices services) : Handler<AlterClientQuotasRequest, AlterClientQuotasResponse>
{
    public override async ValueTask<AlterClientQuotasResponse> HandleAsync(AlterClientQuotasRequest request, RequestContext context)
    {
        var response = new AlterClientQuotasResponse { Entries = new(request.Entries.Count) };
        bool mayAlter = context.AllowsOnCluster(AclOperation.AlterConfigs);
        var seen = new HashSet<string>();
        foreach (AlterClientQuotasRequest.EntryData entry in request.Entries)
        {
            (KafkaError error, string? message) = mayAlter
                ? await AlterAsync(entry, request.ValidateOnly, seen, context)
                : (KafkaError.ClusterAuthorizationFailed, "not allowed to alter quotas");
            response.Entries.Add(new AlterClientQuotasResponse.EntryData
            {
                ErrorCode = (short)error,
                ErrorMessage = message,
                Entity = [.. entry.Entity.Select(static part => new AlterClientQuotasResponse.EntityData
                {
                    EntityType = part.EntityType,
                    EntityName = part.EntityName,
                })],
            });
        }

        return response;
    }

    private async ValueTask<(KafkaError Error, string? Message)> AlterAsync(
        AlterClientQuotasRequest.EntryData entry, bool validateOnly, HashSet<string> seen, RequestContext context)
    {
        if (entry.Entity.DistinctBy(static part => part.EntityType).Count() < entry.Entity.Count)
        {
            return (KafkaError.InvalidRequest, "A type of entity is named twice.");
        }

        var entity = new QuotaEntity(entry.Entity.Select(static part => KeyValuePair.Create(part.EntityType, part.EntityName)));
        if (entity.Validate() is { } wrong)
        {
            return (KafkaError.InvalidRequest, wrong);
        }

        if (!seen.Add(entity.Text))
        {
            return (KafkaError.InvalidRequest, "The entity is named twice in one request.");
        }

        ConfigChangeResult Change(IReadOnlyDictionary<string, string> now) => Apply(now, entry.Ops, entity);

        ConfigChangeResult tried = Change(services.Configs.Find(ConfigKinds.Quota, entity.Text));
        return tried.Error != KafkaError.None || validateOnly
            ? (tried.Error, tried.Message)
            : await services.Configs.SetAsync(ConfigKinds.Quota, entity.Text, Change, context.Client.Principal, CancellationToken.None);
    }

    private static ConfigChangeResult Apply(
        IReadOnlyDictionary<string, string> now, List<AlterClientQuotasRequest.OpData> operations, QuotaEntity entity)
    {
        var quotas = new Dictionary<string, string>(now, StringComparer.Ordinal);
        foreach (AlterClientQuotasRequest.OpData operation in operations)
        {
            // To remove one, any value will do.
            if (QuotaKey.Validate(operation.Key, operation.Remove ? 1 : operation.Value, entity) is { } wrong)
            {
                return ConfigChangeResult.Refused(KafkaError.InvalidRequest, wrong);
            }

            if (operation.Remove)
            {
                quotas.Remove(operation.Key);
            }
            else
            {
                quotas[operation.Key] = operation.Value.ToString("R", CultureInfo.InvariantCulture);
            }
        }

        return new ConfigChangeResult(KafkaError.None, null, quotas);
    }
}
