using System.Net;
using Microsoft.Extensions.Primitives;
using PipeRoll.Broker.Security;

namespace PipeRoll.Server.Http;

/// <summary>
/// Says who sends an HTTP request, and turns away who may not: the same users and entries as on the Kafka port. Reading needs to describe the
/// cluster, ordering to alter it; whether the process lives and serves is told to everybody.
/// </summary>
internal static class HttpSecurity
{
    private const string PrincipalItem = "piperoll.principal";

    /// <param name="web">Before any endpoint is mapped.</param>
    /// <param name="access">Null while the broker has not read yet who its users are.</param>
    public static void Use(WebApplication web, Func<HttpAccess?> access) => web.Use(async (http, next) =>
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

        bool isOrder = !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method);
        AclOperation operation = isOrder ? AclOperation.Alter : AclOperation.Describe;
        string route = $"{http.Request.Method} {http.Request.Path}";
        if (users.IsOn && !users.Allows(principal, address, route, operation, ResourceType.Cluster, AclNames.Cluster))
        {
            await Refuse(StatusCodes.Status403Forbidden, $"{principal} is not allowed to {operation.ToString().ToLowerInvariant()} the cluster")
                .ExecuteAsync(http);
            return;
        }

        http.Items[PrincipalItem] = principal;
        await next(http);
    });

    /// <summary>Who asks: a principal, or the address where nobody has to say who he is.</summary>
    public static string Principal(HttpContext http) => http.Items[PrincipalItem] as string ?? $"http:{AddressOf(http)}";

    private static string AddressOf(HttpContext http) =>
        http.Connection.RemoteIpAddress is not { } address ? "unknown"
        : address.IsIPv4MappedToIPv6 ? address.MapToIPv4().ToString()
        : new IPAddress(address.GetAddressBytes()).ToString();

    private static IResult Refuse(int status, string why) => Results.Problem(why, statusCode: status);
}
