using Microsoft.AspNetCore.Http.HttpResults;
using PipeRoll.Operations.Api;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Http;

/// <summary>Wishes for a repair; the body exists so that no form on a foreign page can order one.</summary>
internal sealed record RepairOrder;

/// <summary>The store compared with the metadata: <c>/api/v1/storage</c>.</summary>
internal sealed class StorageEndpoints
{
    private readonly Func<bool, CancellationToken, ValueTask<AuditReport>> _audit;
    private int _running;

    private StorageEndpoints(Func<bool, CancellationToken, ValueTask<AuditReport>> audit) => _audit = audit;

    /// <param name="web">Where to map them.</param>
    /// <param name="audit">Compares, and repairs when the first argument is true.</param>
    public static void Map(IEndpointRouteBuilder web, Func<bool, CancellationToken, ValueTask<AuditReport>> audit)
    {
        var endpoints = new StorageEndpoints(audit);
        RouteGroupBuilder group = web.MapGroup("/api/v1/storage").WithTags("storage");
        group.MapGet("/audit", endpoints.AuditAsync).WithName("AuditStorage");
        group.MapPost("/repair", endpoints.RepairAsync).WithName("RepairStorage");
    }

    private Task<Results<Ok<AuditReport>, ProblemHttpResult>> AuditAsync(CancellationToken cancellation) => RunAsync(false, cancellation);

    private Task<Results<Ok<AuditReport>, ProblemHttpResult>> RepairAsync(RepairOrder _, CancellationToken cancellation) =>
        RunAsync(true, cancellation);

    // An audit lists the whole store: one at a time.
    private async Task<Results<Ok<AuditReport>, ProblemHttpResult>> RunAsync(bool isRepair, CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _running, 1) == 1)
        {
            return ClusterEndpoints.Refuse(
                StatusCodes.Status409Conflict, "an audit is running on this broker already; wait for it, or ask another broker");
        }

        try
        {
            return TypedResults.Ok(await _audit(isRepair, cancellation));
        }
        catch (Exception away) when (away is ObjectStoreException or MetadataUnavailableException)
        {
            return ClusterEndpoints.Refuse(StatusCodes.Status503ServiceUnavailable, $"the audit could not be done: {away.Message}");
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }
}
