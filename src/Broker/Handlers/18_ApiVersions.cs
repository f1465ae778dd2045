using System.Text.RegularExpressions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ApiVersions (18): what this broker can do; the first request of every modern client.
/// </summary>
/// <remarks>
/// The APIs listed are exactly those with a handler. Version 3 on: the client's software name and version must look like
/// KIP-511 says, else INVALID_REQUEST; they are kept for the connection. The features are those of
/// <see cref="BrokerFeatures"/>. A version above ours never gets here: the dispatcher answers it with version 0 and UNSUPPORTED_VERSION.
/// </remarks>
/// <param name="wantsTelemetry">
/// Somebody has subscribed to clients' own metrics. Until then clients are not told that they could send them: as long as nobody
/// wants them, they are not to ask about it every few minutes. Who connects later is told.
/// </param>
internal sealed partial class ApiVersionsHandler(Func<bool> wantsTelemetry) : Handler<ApiVersionsRequest, ApiVersionsResponse>
{
    private ApiVersionsResponse? _supported;
    private ApiVersionsResponse? _withoutTelemetry;

    /// <summary>Called once, when the table that this handler is part of is complete.</summary>
    public void Publish(HandlerTable handlers)
    {
        _supported = handlers.SupportedVersions(KafkaError.None);
        _withoutTelemetry = handlers.SupportedVersions(KafkaError.None);
        _withoutTelemetry.ApiKeys.RemoveAll(static api =>
            (ApiKey)api.ApiKey is ApiKey.GetTelemetrySubscriptions or ApiKey.PushTelemetry);
    }

    public override ValueTask<ApiVersionsResponse> HandleAsync(ApiVersionsRequest request, RequestContext context)
    {
        if (context.Version >= 3)
        {
            if (!SoftwareWord().IsMatch(request.ClientSoftwareName) || !SoftwareWord().IsMatch(request.ClientSoftwareVersion))
            {
                return ValueTask.FromResult(new ApiVersionsResponse { ErrorCode = (short)KafkaError.InvalidRequest, ApiKeys = [] });
            }

            context.Client.SoftwareName = request.ClientSoftwareName;
            context.Client.SoftwareVersion = request.ClientSoftwareVersion;
        }

        return ValueTask.FromResult(
            (wantsTelemetry() ? _supported : _withoutTelemetry) ?? throw new InvalidOperationException("the handler was not told its table"));
    }

    [GeneratedRegex(@"^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$", RegexOptions.CultureInvariant)]
    private static partial Regex SoftwareWord();
}
