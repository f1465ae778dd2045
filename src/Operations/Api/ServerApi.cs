using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace PipeRoll.Operations.Api;

/// <summary>None of the addresses answers; the text names them and what to look at.</summary>
public sealed class ServerUnreachableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The server answered that it can't or won't; the text is its reason.</summary>
public sealed class ServerRefusedException(HttpStatusCode status, string message) : Exception(message)
{
    public HttpStatusCode Status => status;
}

/// <summary>Who asks a server.</summary>
/// <param name="User">Null to be nobody.</param>
/// <param name="Authority">PEM file of the authorities that the server's certificate comes from; null trusts what the system does.</param>
public sealed record ServerLogin(string? User, string? Password, string? Authority)
{
    public override string ToString() => User ?? "nobody";
}

/// <summary>
/// A server's HTTP API, from outside. With several addresses the first that can be reached answers, since every broker of a cluster knows
/// the same. Any thread.
/// </summary>
public sealed class ServerApi : IDisposable
{
    /// <summary>Where a server on this machine listens unless it was told otherwise.</summary>
    public const string DefaultAddress = "http://localhost:8080";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly HttpClient _http;
    private readonly Uri[] _addresses;

    /// <param name="addresses">Base addresses, with commas between them; <c>http://</c> may be left out.</param>
    /// <param name="handler">What requests go through; owned from now on.</param>
    /// <param name="login">Who asks, and whom to trust; null where nobody has to say who he is.</param>
    /// <exception cref="FormatException">One of them is no address.</exception>
    public ServerApi(string addresses, HttpMessageHandler? handler = null, ServerLogin? login = null)
    {
        _addresses = [.. addresses.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Parse)];
        if (_addresses.Length == 0)
        {
            throw new FormatException("give an address such as " + DefaultAddress);
        }

        // How long an audit takes depends on the bucket alone, so that only connecting has a limit of its own.
        _http = new HttpClient(handler ?? Handler(login))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (login is { User: { } user, Password: { } password })
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        }
        else if (login?.User is { } name)
        {
            // Where nobody has to prove who he is, he may at least say so.
            _http.DefaultRequestHeaders.Add("X-PipeRoll-As", name);
        }
    }

    public Task<ClusterReport> ClusterAsync(CancellationToken cancellation = default) =>
        SendAsync<ClusterReport>(HttpMethod.Get, "api/v1/cluster", null, cancellation);

    public Task<IReadOnlyList<MoveReport>> MovesAsync(CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<MoveReport>>(HttpMethod.Get, "api/v1/cluster/moves", null, cancellation);

    public Task<OrderNoted> MoveAsync(MoveOrder order, CancellationToken cancellation = default) =>
        SendAsync<OrderNoted>(HttpMethod.Post, "api/v1/cluster/moves", order, cancellation);

    public Task<OrderNoted> DrainAsync(DrainOrder order, CancellationToken cancellation = default) =>
        SendAsync<OrderNoted>(HttpMethod.Post, "api/v1/cluster/drain", order, cancellation);

    public Task<BalanceReport> BalanceAsync(BalanceOrder order, CancellationToken cancellation = default) =>
        SendAsync<BalanceReport>(HttpMethod.Post, "api/v1/cluster/balance", order, cancellation);

    public Task<AuditReport> AuditAsync(CancellationToken cancellation = default) =>
        SendAsync<AuditReport>(HttpMethod.Get, "api/v1/storage/audit", null, cancellation);

    public Task<AuditReport> RepairAsync(CancellationToken cancellation = default) =>
        SendAsync<AuditReport>(HttpMethod.Post, "api/v1/storage/repair", new { }, cancellation);

    public Task<IReadOnlyList<string>> SubjectsAsync(CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<string>>(HttpMethod.Get, "subjects", null, cancellation);

    public Task<IReadOnlyList<int>> VersionsAsync(string subject, CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<int>>(HttpMethod.Get, $"subjects/{Uri.EscapeDataString(subject)}/versions", null, cancellation);

    /// <param name="subject">Of which.</param>
    /// <param name="version">A number, or latest.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<SchemaVersionReport> SchemaAsync(string subject, string version, CancellationToken cancellation = default) =>
        SendAsync<SchemaVersionReport>(HttpMethod.Get, $"subjects/{Uri.EscapeDataString(subject)}/versions/{version}", null, cancellation);

    public Task<SchemaCheckReport> CheckSchemaAsync(string subject, SchemaOrder order, CancellationToken cancellation = default) =>
        SendAsync<SchemaCheckReport>(
            HttpMethod.Post, $"compatibility/subjects/{Uri.EscapeDataString(subject)}/versions?verbose=true", order, cancellation);

    public Task<SchemaVersionReport> RegisterSchemaAsync(string subject, SchemaOrder order, CancellationToken cancellation = default) =>
        SendAsync<SchemaVersionReport>(HttpMethod.Post, $"subjects/{Uri.EscapeDataString(subject)}/versions", order, cancellation);

    public Task<IReadOnlyList<SchemaRequestReport>> SchemaRequestsAsync(CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<SchemaRequestReport>>(HttpMethod.Get, "api/v1/schemas/requests", null, cancellation);

    public Task<SchemaRequestReport> SchemaRequestAsync(int id, CancellationToken cancellation = default) =>
        SendAsync<SchemaRequestReport>(HttpMethod.Get, $"api/v1/schemas/requests/{id}", null, cancellation);

    public Task<SchemaRequestReport> DecideSchemaRequestAsync(int id, bool isApproved, string? comment, CancellationToken cancellation = default) =>
        SendAsync<SchemaRequestReport>(
            HttpMethod.Post, $"api/v1/schemas/requests/{id}/{(isApproved ? "approve" : "reject")}", new SchemaDecision(comment), cancellation);

    public Task<SchemaGovernanceReport> GovernSchemasAsync(string? subject, SchemaGovernanceOrder order, CancellationToken cancellation = default) =>
        SendAsync<SchemaGovernanceReport>(HttpMethod.Put, GovernancePath(subject), order, cancellation);

    public Task<SchemaGovernanceReport> FreeSchemasAsync(string? subject, CancellationToken cancellation = default) =>
        SendAsync<SchemaGovernanceReport>(HttpMethod.Delete, GovernancePath(subject), null, cancellation);

    public Task<PolicyLifeReport> PoliciesAsync(string workflow, CancellationToken cancellation = default) =>
        SendAsync<PolicyLifeReport>(HttpMethod.Get, PoliciesPath(workflow, null), null, cancellation);

    public Task<IReadOnlyList<PolicyStepReport>> PolicyHistoryAsync(string workflow, CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<PolicyStepReport>>(HttpMethod.Get, PoliciesPath(workflow, "history"), null, cancellation);

    /// <param name="workflow">Whose versions.</param>
    /// <param name="step">Such as HASH/approve, or rollback; null hands a version in.</param>
    /// <param name="order">What it takes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<PolicyStepReport> PolicyStepAsync(string workflow, string? step, PolicyStepOrder order, CancellationToken cancellation = default) =>
        SendAsync<PolicyStepReport>(HttpMethod.Post, PoliciesPath(workflow, step), order, cancellation);

    public Task<IReadOnlyList<HoldReport>> HoldsAsync(string workflow, CancellationToken cancellation = default) =>
        SendAsync<IReadOnlyList<HoldReport>>(HttpMethod.Get, $"api/v1/workflows/{Uri.EscapeDataString(workflow)}/holds", null, cancellation);

    /// <param name="workflow">Whose.</param>
    /// <param name="isRelease">Lets the event pass, else stops it for good.</param>
    /// <param name="order">Which, and why.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public Task<HoldReport> EndHoldAsync(string workflow, bool isRelease, HoldOrder order, CancellationToken cancellation = default) =>
        SendAsync<HoldReport>(
            HttpMethod.Post, $"api/v1/workflows/{Uri.EscapeDataString(workflow)}/holds/{(isRelease ? "release" : "refuse")}", order, cancellation);

    public void Dispose() => _http.Dispose();

    private static string PoliciesPath(string workflow, string? step) =>
        $"api/v1/workflows/{Uri.EscapeDataString(workflow)}/policies" + (step is null ? "" : "/" + step);

    private static string GovernancePath(string? subject) =>
        "api/v1/schemas/governance" + (subject is null ? "" : "/" + Uri.EscapeDataString(subject));

    private static SocketsHttpHandler Handler(ServerLogin? login)
    {
        var handler = new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(3), UseProxy = false };
        if (login?.Authority is { } file)
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return handler;
    }

    private static Uri Parse(string text)
    {
        string whole = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        return Uri.TryCreate(whole.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"
            ? address
            : throw new FormatException($"'{text}' is no address; give one such as {DefaultAddress}");
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellation)
    {
        Exception? last = null;
        foreach (Uri address in _addresses)
        {
            try
            {
                using var request = new HttpRequestMessage(method, new Uri(address, path))
                {
                    Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: Json),
                };
                using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
                if (response.StatusCode == HttpStatusCode.ServiceUnavailable && address != _addresses[^1])
                {
                    // It starts, or can't reach what it needs; nothing was changed, and the next one may be better off.
                    last = new ServerRefusedException(response.StatusCode, await ReasonAsync(response, cancellation));
                    continue;
                }

                if (!response.IsSuccessStatusCode)
                {
                    throw new ServerRefusedException(response.StatusCode, await ReasonAsync(response, cancellation));
                }

                return await response.Content.ReadFromJsonAsync<T>(Json, cancellation)
                    ?? throw new ServerRefusedException(response.StatusCode, $"{address}{path} answered nothing");
            }
            catch (HttpRequestException unreachable) when (unreachable.StatusCode is null)
            {
                last = unreachable;
            }
            catch (OperationCanceledException slow) when (!cancellation.IsCancellationRequested)
            {
                last = slow;
            }
            catch (JsonException)
            {
                throw new ServerRefusedException(HttpStatusCode.BadGateway, $"{address} is no PipeRoll server: what it answers is no JSON of ours");
            }
        }

        string tried = string.Join(", ", _addresses.Select(address => address.ToString().TrimEnd('/')));
        throw new ServerUnreachableException(
            $"no server answers at {tried} ({last?.Message}): is it up, and is --http (or PIPEROLL_HTTP) right?", last);
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true)
        {
            ProblemReport? problem = await response.Content.ReadFromJsonAsync<ProblemReport>(Json, cancellation);
            if ((problem?.Detail ?? problem?.Message ?? problem?.Title) is { Length: > 0 } reason)
            {
                return reason;
            }
        }

        return $"the server answered {(int)response.StatusCode} {response.ReasonPhrase}";
    }
}
