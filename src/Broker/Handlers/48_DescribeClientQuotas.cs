using System.Globalization;
using PipeRoll.Broker.Configs;
using PipeRoll.Broker.Quotas;
using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeClientQuotas (48, KIP-546): the quotas of the entities that match every component of the filter; strict leaves out those that
/// have other components too. An empty filter matches all.
/// </summary>
internal sealed class DescribeClientQuotasHandler(BrokerServices services) : Handler<DescribeClientQuotasRequest, DescribeClientQuotasResponse>
{
    private const sbyte Exact = 0;
    private const sbyte Default = 1;
    private const sbyte Any = 2;

    public override ValueTask<DescribeClientQuotasResponse> HandleAsync(DescribeClientQuotasRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.DescribeConfigs))
        {
            return ValueTask.FromResult(new DescribeClientQuotasResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "not allowed to describe quotas",
                Entries = null,
            });
        }

        if (Refuse(request.Components) is { } wrong)
        {
            return ValueTask.FromResult(new DescribeClientQuotasResponse
            {
                ErrorCode = (short)KafkaError.InvalidRequest,
                ErrorMessage = wrong,
                Entries = null,
            });
        }

        var response = new DescribeClientQuotasResponse { Entries = [] };
        foreach (ConfigRecord record in services.Configs.Of(ConfigKinds.Quota))
        {
            var entity = QuotaEntity.Parse(record.Entity);
            if (request.Components.All(component => Matches(entity, component))
                && (!request.Strict || entity.Parts.Count == request.Components.Count))
            {
                response.Entries.Add(new DescribeClientQuotasResponse.EntryData
                {
                    Entity = [.. entity.Parts.Select(static part => new DescribeClientQuotasResponse.EntityData
                    {
                        EntityType = part.Key,
                        EntityName = part.Value,
                    })],
                    Values = [.. record.Values.OrderBy(static value => value.Key, StringComparer.Ordinal).Select(Describe)],
                });
            }
        }

        return ValueTask.FromResult(response);
    }

    private static DescribeClientQuotasResponse.ValueData Describe(KeyValuePair<string, string> quota) => new()
    {
        Key = quota.Key,
        Value = double.Parse(quota.Value, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    private static bool Matches(QuotaEntity entity, DescribeClientQuotasRequest.ComponentData component) =>
        entity.Parts.TryGetValue(component.EntityType, out string? name)
        && component.MatchType switch
        {
            Exact => name == component.Match,
            Default => name is null,
            _ => true,
        };

    private static string? Refuse(List<DescribeClientQuotasRequest.ComponentData> components)
    {
        var seen = new HashSet<string>();
        foreach (DescribeClientQuotasRequest.ComponentData component in components)
        {
            if (component.EntityType is not (QuotaEntity.User or QuotaEntity.ClientId or QuotaEntity.Ip))
            {
                return $"Unhandled client quota entity type: {component.EntityType}. There are user, client-id and ip.";
            }

            if (!seen.Add(component.EntityType))
            {
                return $"Entity type {component.EntityType} cannot appear more than once in the filter.";
            }

            bool isGood = component.MatchType switch
            {
                Exact => component.Match is not null,
                Default or Any => component.Match is null,
                _ => false,
            };
            if (!isGood)
            {
                return $"Match type {component.MatchType} of {component.EntityType} is unknown, or does not go with the match given.";
            }
        }

        return null;
    }
}
