using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Foundation.Buffers;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Network;

/// <summary>A request that was started and not yet answered.</summary>
/// <param name="Buffer">Owned: released when the request has been answered.</param>
/// <param name="StartedAt">Timestamp of the broker's TimeProvider.</param>
/// <param name="WorkSeconds">What reading and starting it took, where nothing waits.</param>
internal sealed record InFlightRequest(
    RequestContext Context, ApiSupport Api, short ResponseVersion, SharedBuffer Buffer, ValueTask<IKafkaResponse> Response, long StartedAt,
    double WorkSeconds = 0)
{
    /// <summary>The answer is a token of a SASL mechanism in a bare frame: a SaslAuthenticateResponse of which nothing else is sent.</summary>
    public bool IsBareToken { get; init; }
}

/// <summary>Turns a frame into a started request: header, version check, handler.</summary>
/// <remarks>Immutable; any thread.</remarks>
internal sealed partial class RequestDispatcher(HandlerTable handlers, BrokerSecurity security, TimeProvider time, BrokerMetrics metrics, ILogger logger)
{
    public static bool IsProduce(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt16BigEndian(frame) == (short)ApiKey.Produce;

    /// <summary>Runs the synchronous part of the handler.</summary>
    /// <returns>Null when the connection must be closed; the reason is logged, the buffer stays the caller's.</returns>
    public InFlightRequest? Start(SharedBuffer buffer, ClientIdentity client, StringCache names, CancellationToken gone)
    {
        if (client.Session.HasBareTokens)
        {
            return StartBareToken(buffer, client, gone);
        }

        ReadOnlySpan<byte> frame = buffer.Span;
        short key = BinaryPrimitives.ReadInt16BigEndian(frame);
        short version = BinaryPrimitives.ReadInt16BigEndian(frame[2..]);
        if (handlers.Find(key) is not { } entry)
        {
            LogUnknownApi(logger, client.ConnectionId, key, version);
            return null;
        }

        if (security.Refuse(entry.Api.Key, client) is { } refusal)
        {
            LogRefused(logger, client.ConnectionId, refusal);
            return null;
        }

        long startedAt = time.GetTimestamp();
        if (!entry.Api.Serves(version))
        {
            return RefuseVersion(entry, version, buffer, client, startedAt, gone);
        }

        try
        {
            var reader = new WireReader(buffer.Memory, names);
            RequestHeader header = RequestHeader.Read(ref reader, entry.Api.RequestHeaderVersion(version));
            var context = new RequestContext
            {
                Api = entry.Api.Key,
                Version = version,
                CorrelationId = header.CorrelationId,
                ClientId = header.ClientId,
                Client = client,
                Guard = security.Guard,
                Buffer = buffer,
                Cancellation = gone,
            };
            metrics.Received(entry.Api.Key, version);
            ValueTask<IKafkaResponse> response = entry.Handler.InvokeAsync(ref reader, context);
            return new InFlightRequest(
                context, entry.Api, version, buffer, response, startedAt, time.GetElapsedTime(startedAt).TotalSeconds);
        }
        catch (WireFormatException error)
        {
            LogMalformed(logger, client.ConnectionId, entry.Api.Name, version, error.Message);
            return null;
        }
    }

    /// <summary>After SaslHandshake version 0 the tokens of the mechanism come without any header, and are answered so.</summary>
    private InFlightRequest? StartBareToken(SharedBuffer buffer, ClientIdentity client, CancellationToken gone)
    {
        if (handlers.Find((short)ApiKey.SaslAuthenticate) is not { Handler: SaslAuthenticateHandler handler } entry)
        {
            return null;
        }

        var context = new RequestContext { Api = ApiKey.SaslAuthenticate, Version = 0, Client = client, Buffer = buffer, Cancellation = gone };
        metrics.Received(ApiKey.SaslAuthenticate, 0);
        return new InFlightRequest(context, entry.Api, 0, buffer, AnswerBareTokenAsync(handler, context), time.GetTimestamp())
        {
            IsBareToken = true,
        };
    }

    private async ValueTask<IKafkaResponse> AnswerBareTokenAsync(SaslAuthenticateHandler handler, RequestContext context)
    {
        SaslStep step = await handler.StepAsync(context.Buffer!.Memory, context.Client, context.Cancellation);
        if (step.User is { } user)
        {
            security.Begin(context.Client, user);
        }

        // There is no room for an error in a bare frame: closing is the only way to say it.
        context.CloseReason = step.Failure;
        return new SaslAuthenticateResponse { AuthBytes = step.Answer };
    }

    /// <summary>
    /// Only ApiVersions can be answered in a version that was not asked for: every client reads its version 0 with an
    /// UNSUPPORTED_VERSION and the list of what is supported (KIP-511).
    /// </summary>
    private InFlightRequest? RefuseVersion(
        in HandlerEntry entry, short version, SharedBuffer buffer, ClientIdentity client, long startedAt, CancellationToken gone)
    {
        if (entry.Api.Key != ApiKey.ApiVersions)
        {
            LogUnsupportedVersion(logger, client.ConnectionId, entry.Api.Name, version, entry.Api.ServedMin, entry.Api.MaxVersion);
            return null;
        }

        var context = new RequestContext
        {
            Api = ApiKey.ApiVersions,
            Version = 0,
            CorrelationId = BinaryPrimitives.ReadInt32BigEndian(buffer.Span[4..]),
            Client = client,
            Buffer = buffer,
            Cancellation = gone,
        };
        IKafkaResponse response = handlers.SupportedVersions(KafkaError.UnsupportedVersion);
        return new InFlightRequest(context, entry.Api, 0, buffer, ValueTask.FromResult(response), startedAt);
    }

    [LoggerMessage(11, LogLevel.Warning, "closed {Connection}: it asked for API {Key} version {Version}, which this broker does not have")]
    private static partial void LogUnknownApi(ILogger logger, string connection, short key, short version);

    [LoggerMessage(12, LogLevel.Warning, "closed {Connection}: it asked for {Api} version {Version}, supported are {Min} to {Max}")]
    private static partial void LogUnsupportedVersion(ILogger logger, string connection, string api, short version, short min, short max);

    [LoggerMessage(14, LogLevel.Warning, "closed {Connection}: {Reason}")]
    private static partial void LogRefused(ILogger logger, string connection, string reason);

    [LoggerMessage(13, LogLevel.Warning, "closed {Connection}: its {Api} version {Version} is malformed: {Reason}")]
    private static partial void LogMalformed(ILogger logger, string connection, string api, short version, string reason);
}
