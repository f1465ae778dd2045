using System.Net;
using Microsoft.Extensions.Primitives;
using PipeRoll.Broker.Security;
using PipeRoll.Server.Http.Workflows;

namespace PipeRoll.Server.Http;

/// <summary>
/// Says who sends an HTTP request, and turns away who may not: the same users and entries as on the Kafka port. Reading needs to describe the
/// cluster, ordering to alter it; whether the process lives and serves is told to everybody.
/// </summary>
internal static class HttpSecurity
{
    private const string PrincipalItem = "piperoll.principal";

    private static readonly string[] SchemaPaths = ["subjects", "schemas", "config", "mode", "compatibility", "contexts", "v1"];

    /// <param name="web">Before any endpoint is mapped.</param>
    /// <param name="access">Null while the broker has not read yet who its users are.</param>
    /// <param name="workflows">Says which topics a request about a workflow touches.</param>
    public static void Use(WebApplication web, Func<HttpAccess?> access, IWorkflowDirectory workflows) => web.Use(async (http, next) =>
    {
        if (http.Request.Path.StartsWithSegments("/healthz", StringComparison.Ordinal)
            || http.Request.Path.StartsWithSegments("/readyz", StringComparison.Ordinal))
        {
            await next(http);
            return;
        }

        if (access() is not { } users)
        {
            await Refuse(StatusCodes.Status503ServiceUnavailable, "the server starts: try again").ExecuteAsync(http);
            return;
        }

        string address = AddressOf(http);
        HttpCaller caller = await users.AuthenticateAsync(http.Request.Headers.Authorization, address, http.RequestAborted);
        if (caller.Principal is not { } principal)
        {
            http.Response.Headers.WWWAuthenticate = users.TakesBearer
                ? new StringValues(["Basic realm=\"PipeRoll\", charset=\"UTF-8\"", "Bearer"])
                : "Basic realm=\"PipeRoll\", charset=\"UTF-8\"";
            await Refuse(StatusCodes.Status401Unauthorized, caller.Problem ?? "not authenticated").ExecuteAsync(http);
            return;
        }

        if (!users.IsOn)
        {
            await next(http);
            return;
        }

        string route = $"{http.Request.Method} {http.Request.Path}";
        if (Needs(http.Request, workflows) is { } need && !users.Allows(principal, address, route, need.Operation, need.Type, need.Name))
        {
            await Refuse(StatusCodes.Status403Forbidden, $"{principal} is not allowed to {need.Operation} {need.Type} '{need.Name}'")
                .ExecuteAsync(http);
            return;
        }

        http.Items[PrincipalItem] = principal;
        await next(http);
    });

    /// <summary>The principal who has proved to be it; null where nobody has to.</summary>
    public static string? Proven(HttpContext http) => http.Items[PrincipalItem] as string;

    /// <summary>What a request takes; null for what everybody may who has authenticated.</summary>
    /// <remarks>
    /// Schemas may be read and tried by everybody: whoever reads a topic needs them. A schema of a topic may be registered by whoever may write
    /// to the topic (the subject is its name, with <c>-key</c> or <c>-value</c>); everything else that changes the registry alters the cluster.
    /// </remarks>
    internal static (AclOperation Operation, ResourceType Type, string Name)? Needs(HttpRequest request, IWorkflowDirectory workflows)
    {
        bool isOrder = !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method);
        string[] path = (request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (path is ["api", "v1", "workflows", string governed, "policies", ..] && workflows.Find(governed)?.Manifest is { } own)
        {
            return (isOrder ? AclOperation.Alter : AclOperation.Describe, ResourceType.Topic, own.DecisionTopic);
        }

        if (path is ["api", "v1", "workflows", string holding, "holds", ..] && workflows.Find(holding)?.Manifest is { } held)
        {
            return (isOrder ? AclOperation.Write : AclOperation.Read, ResourceType.Topic, held.DecisionTopic);
        }

        if (path is ["api", "v1", "workflows", string workflow, string what] && workflows.Find(workflow)?.Manifest is { } manifest)
        {
            return what == "decisions"
                ? (AclOperation.Read, ResourceType.Topic, manifest.DecisionTopic)
                : (AclOperation.Write, ResourceType.Topic, manifest.SourceTopic);
        }

        if (path.Length > 0 && SchemaPaths.Contains(path[0], StringComparer.Ordinal))
        {
            if (!isOrder || path[0] == "compatibility" || (path is ["subjects", _] && HttpMethods.IsPost(request.Method)))
            {
                return null;
            }

            if (path is ["subjects", string subject, "versions"] && HttpMethods.IsPost(request.Method) && TopicOf(subject) is { } topic)
            {
                return (AclOperation.Write, ResourceType.Topic, topic);
            }
        }

        return (isOrder ? AclOperation.Alter : AclOperation.Describe, ResourceType.Cluster, AclNames.Cluster);
    }

    private static string? TopicOf(string subject) =>
        subject.EndsWith("-value", StringComparison.Ordinal) ? subject[..^"-value".Length]
        : subject.EndsWith("-key", StringComparison.Ordinal) ? subject[..^"-key".Length]
        : null;

    /// <summary>Who asks: a principal, or the address where nobody has to say who he is.</summary>
    public static string Principal(HttpContext http) => Proven(http) ?? $"http:{AddressOf(http)}";

    /// <summary>Who does something that is kept with a name: a principal, or whoever says to be one, where nobody has to prove it.</summary>
    public static string Actor(HttpContext http) => Proven(http)
        ?? (http.Request.Headers.TryGetValue("X-PipeRoll-As", out StringValues name) && name.ToString().Trim() is { Length: > 0 and <= 100 } said
            ? $"{said} (not authenticated)"
            : Principal(http));

    /// <summary>Where from.</summary>
    public static string AddressOf(HttpContext http) =>
        http.Connection.RemoteIpAddress is not { } address ? "unknown"
        : address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString()
        : new IPAddress(address.GetAddressBytes()).ToString();

    private static IResult Refuse(int status, string why) => Results.Problem(why, statusCode: status);
}
