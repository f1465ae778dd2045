using System.Net.Http.Headers;
using PipeRoll.Schemas.Registry;
using PipeRoll.Server.Tls;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>Passes a request of the registry's API on to the broker that leads it, and its answer back. Any thread.</summary>
/// <param name="certificates">Of this server, where brokers speak TLS to each other; whom they trust is read once.</param>
/// <param name="addressOf">The HTTP address of a broker, by node id; null when it is not known.</param>
internal sealed class SchemaForwarder(Func<int, string?> addressOf, ServerCertificates? certificates = null) : IDisposable
{
    /// <summary>Confluent's own: whoever gets a request with it answers it, or refuses.</summary>
    public const string Header = "X-Forward";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(3),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        SslOptions = { CertificateChainPolicy = certificates is null ? null : TlsPeers.Trust(certificates.Current) },
    })
    {
        Timeout = Patience,
    };

    /// <returns>Null when the answer is written.</returns>
    public async Task<RegistryError?> ForwardAsync(HttpContext http, int node, byte[] body)
    {
        if (http.Request.Headers.ContainsKey(Header))
        {
            // Two brokers that each take the other for the leader: the metadata will tell them soon.
            return RegistryError.NoLeader();
        }

        if (addressOf(node) is not { Length: > 0 } address)
        {
            return RegistryError.NoLeader();
        }

        string target = address.TrimEnd('/') + http.Request.Path.ToUriComponent() + http.Request.QueryString.ToUriComponent();
        if (http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>() is { RawTarget: { Length: > 0 } raw } && raw[0] == '/')
        {
            // Names may hold encoded slashes, which must stay encoded.
            target = address.TrimEnd('/') + raw;
        }

        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), target);
        request.Headers.TryAddWithoutValidation(Header, "true");
        request.Headers.TryAddWithoutValidation("Authorization", http.Request.Headers.Authorization.ToString() is { Length: > 0 } who ? who : null);
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(SchemaDesk.ContentType);
        }

        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, http.RequestAborted);
            byte[] answer = await response.Content.ReadAsByteArrayAsync(http.RequestAborted);
            http.Response.StatusCode = (int)response.StatusCode;
            http.Response.ContentType = response.Content.Headers.ContentType?.ToString() ?? SchemaDesk.ContentType;
            await http.Response.Body.WriteAsync(answer, http.RequestAborted);
            return null;
        }
        catch (Exception failed) when (failed is HttpRequestException || (failed is OperationCanceledException && !http.RequestAborted.IsCancellationRequested))
        {
            return RegistryError.Forwarding($"broker {node} at {address}: {failed.Message}");
        }
    }

    public void Dispose() => _http.Dispose();
}
