using Microsoft.AspNetCore.Http.HttpResults;
using PipeRoll.Broker.Cluster;
using PipeRoll.Operations.Api;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Server.Http;

/// <summary>The brokers, who leads what, and what an operator may order: <c>/api/v1/cluster</c>.</summary>
/// <remarks>
/// Orders take a JSON body and nothing else, so that no form on a foreign page can give one. Who ordered what stands in the metadata log.
/// </remarks>
internal static class ClusterEndpoints
{
    public static void Map(IEndpointRouteBuilder web, IClusterControl control)
    {
        RouteGroupBuilder group = web.MapGroup("/api/v1/cluster").WithTags("cluster");
        group.MapGet("", (CancellationToken cancellation) => ReadAsync(control, static report => report, cancellation)).WithName("GetCluster");
        group.MapGet("/moves", (CancellationToken cancellation) => ReadAsync(control, static report => report.Moves, cancellation))
            .WithName("ListMoves");
        group.MapPost("/moves", (MoveOrder order, HttpContext http, CancellationToken cancellation) =>
            MoveAsync(control, order, http, cancellation)).WithName("OrderMove");
        group.MapPost("/drain", (DrainOrder order, HttpContext http, CancellationToken cancellation) =>
            DrainAsync(control, order, http, cancellation)).WithName("OrderDrain");
        group.MapPost("/balance", (BalanceOrder order, HttpContext http, CancellationToken cancellation) =>
            BalanceAsync(control, order, http, cancellation)).WithName("OrderBalance");
    }

    /// <summary>Who asks, for the metadata log.</summary>
    internal static string Principal(HttpContext http) => HttpSecurity.Principal(http);

    internal static ProblemHttpResult Refuse(int status, string why) => TypedResults.Problem(why, statusCode: status);

    private static async Task<Results<Ok<T>, ProblemHttpResult>> ReadAsync<T>(
        IClusterControl control, Func<ClusterReport, T> read, CancellationToken cancellation) =>
        await control.ReportAsync(cancellation) is { } report ? TypedResults.Ok(read(report)) : Starting();

    private static async Task<Results<Accepted<OrderNoted>, ProblemHttpResult>> MoveAsync(
        IClusterControl control, MoveOrder order, HttpContext http, CancellationToken cancellation)
    {
        if (control.Orders is not { } orders)
        {
            return NoCluster();
        }

        IReadOnlyList<MoveOutcome> outcomes = await orders.Mover.RequestAsync(
            Principal(http), [new MoveRequest(order.Topic, order.Partition, order.Node)], cancellation);
        string partition = $"{order.Topic}/{order.Partition}";
        return outcomes[0] switch
        {
            MoveOutcome.Accepted when order.Node is { } node => Noted($"{partition} is to be led by broker {node}"),
            MoveOutcome.Accepted => Noted($"the move of {partition} is called off"),
            MoveOutcome.UnknownPartition => Refuse(StatusCodes.Status404NotFound, $"there is no partition {partition}"),
            MoveOutcome.UnknownBroker => Refuse(
                StatusCodes.Status409Conflict,
                $"no broker with the node id {order.Node} is alive, or it drains; GET /api/v1/cluster lists them"),
            MoveOutcome.NoMove => Refuse(StatusCodes.Status409Conflict, $"{partition} is not being moved"),
            MoveOutcome.Unavailable => DatabaseAway(),
            _ => NoCluster(),
        };
    }

    private static async Task<Results<Accepted<OrderNoted>, ProblemHttpResult>> DrainAsync(
        IClusterControl control, DrainOrder order, HttpContext http, CancellationToken cancellation)
    {
        if (control.Orders is not { } orders)
        {
            return NoCluster();
        }

        return await orders.DrainAsync(Principal(http), order.Node, cancellation) switch
        {
            DrainOutcome.Accepted => Noted($"broker {order.Node} hands its partitions over and then stops"),
            DrainOutcome.UnknownBroker => Refuse(
                StatusCodes.Status404NotFound, $"no broker with the node id {order.Node} is alive, or it drains already"),
            _ => DatabaseAway(),
        };
    }

    private static async Task<Results<Ok<BalanceReport>, RedirectHttpResult, ProblemHttpResult>> BalanceAsync(
        IClusterControl control, BalanceOrder order, HttpContext http, CancellationToken cancellation)
    {
        if (control.Orders is not { } orders)
        {
            return NoCluster();
        }

        if (order.DeadBand is <= 0 or > 1 or double.NaN)
        {
            return Refuse(StatusCodes.Status400BadRequest, $"deadBand is {order.DeadBand}: give a part of the mean above 0, at most 1");
        }

        // Only the controller balances: whoever else is asked points there. 307 keeps method and body.
        if (await control.ReportAsync(cancellation) is not { } report)
        {
            return Starting();
        }

        if (report.Controller is not { } controller)
        {
            return Refuse(StatusCodes.Status503ServiceUnavailable, "the cluster has no controller right now; try again in some seconds");
        }

        if (controller != report.AnsweredBy)
        {
            return report.Brokers.FirstOrDefault(broker => broker.IsController) is { } at
                ? TypedResults.Redirect(at.Http.TrimEnd('/') + "/api/v1/cluster/balance", preserveMethod: true)
                : Refuse(StatusCodes.Status503ServiceUnavailable, $"the controller, broker {controller}, is not known here yet; try again");
        }

        orders.ConfigureBalance(order.Enabled, order.DeadBand);
        try
        {
            IReadOnlyList<PartitionMove> moves = order.Now ? await orders.BalanceNowAsync(Principal(http), cancellation) : [];
            return TypedResults.Ok(new BalanceReport(controller, ClusterReports.Of(moves)));
        }
        catch (MetadataUnavailableException)
        {
            return DatabaseAway();
        }
    }

    private static Accepted<OrderNoted> Noted(string what) => TypedResults.Accepted((string?)null, new OrderNoted(what));

    private static ProblemHttpResult NoCluster() => Refuse(
        StatusCodes.Status409Conflict, "this server is alone (the embedded default): there is no other broker to move anything to");

    private static ProblemHttpResult Starting() => Refuse(
        StatusCodes.Status503ServiceUnavailable, "this broker is starting, and does not know its cluster yet; ask another, or wait");

    private static ProblemHttpResult DatabaseAway() => Refuse(
        StatusCodes.Status503ServiceUnavailable, "the database can't be reached now; nothing was changed, try again when it is back");
}
