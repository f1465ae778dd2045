using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// UpdateFeatures (57, KIP-584): asks for other levels of the cluster's features. Levels are those of the program and are not chosen
/// (<see cref="BrokerFeatures"/>): to ask for what is in force succeeds, for anything else is INVALID_UPDATE_VERSION.
/// </summary>
internal sealed class UpdateFeaturesHandler : Handler<UpdateFeaturesRequest, UpdateFeaturesResponse>
{
    public override ValueTask<UpdateFeaturesResponse> HandleAsync(UpdateFeaturesRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.Alter))
        {
            return ValueTask.FromResult(new UpdateFeaturesResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "not allowed to alter the cluster",
                Results = [],
            });
        }

        var response = new UpdateFeaturesResponse { Results = [] };
        foreach (UpdateFeaturesRequest.FeatureUpdateKey update in request.FeatureUpdates)
        {
            string? wrong = Refuse(update);
            response.Results.Add(new UpdateFeaturesResponse.UpdatableFeatureResult
            {
                Feature = update.Feature,
                ErrorCode = (short)(wrong is null ? KafkaError.None : KafkaError.InvalidUpdateVersion),
                ErrorMessage = wrong,
            });
            if (wrong is not null && response.ErrorCode == 0 && context.Version >= 2)
            {
                // There are no results by feature any more: the first that is wrong is the error of all.
                response.ErrorCode = (short)KafkaError.InvalidUpdateVersion;
                response.ErrorMessage = wrong;
            }
        }

        return ValueTask.FromResult(response);
    }

    private static string? Refuse(UpdateFeaturesRequest.FeatureUpdateKey update)
    {
        if (BrokerFeatures.LevelOf(update.Feature) is not { } level)
        {
            return $"Could not apply finalized feature update because the feature {update.Feature} is not supported by this cluster.";
        }

        return update.MaxVersionLevel == level
            ? null
            : $"The feature {update.Feature} has the level {level} with this version of the program: it is not to be chosen.";
    }
}
