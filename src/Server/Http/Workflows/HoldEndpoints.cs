using PipeRoll.Broker.Security;
using PipeRoll.Operations.Api;
using PipeRoll.Workflows.Holding;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>Held events over HTTP: <c>/api/v1/workflows/{name}/holds</c>. Each end of one by a person is an audit event.</summary>
internal sealed class HoldEndpoints(IWorkflowDirectory workflows, Func<HttpAccess?> access)
{
    public void Map(RouteGroupBuilder group)
    {
        group.MapGet("/{name}/holds", (string name, HttpContext http) => AtDeskAsync(name, http, static desk => Results.Ok(desk.Open().Select(Of))))
            .WithName("ListHolds");
        group.MapPost("/{name}/holds/release", (string name, HoldOrder body, HttpContext http) => EndAsync(
            name, http, (desk, by) => desk.Release(by, body.Reason, body.Id))).WithName("ReleaseHold");
        group.MapPost("/{name}/holds/refuse", (string name, HoldOrder body, HttpContext http) => EndAsync(
            name, http, (desk, by) => desk.Refuse(by, body.Reason, body.Id))).WithName("RefuseHold");
    }

    private Task<IResult> EndAsync(string name, HttpContext http, Func<HoldDesk, string, Hold> end) => AtDeskAsync(name, http, desk =>
    {
        Hold ended = end(desk, HttpSecurity.Actor(http));
        access()?.Changed(
            ended.By!, HttpSecurity.AddressOf(http), $"{http.Request.Method} {http.Request.Path}", "Hold", $"{name}/{ended.Id}",
            $"{ended.State.ToString().ToLowerInvariant()}: {ended.Reason}");
        return Results.Ok(Of(ended));
    });

    private Task<IResult> AtDeskAsync(string name, HttpContext http, Func<HoldDesk, IResult> answer) =>
        DeskCalls.AtAsync(workflows, name, http, static workflow => workflow.Holds, answer);

    private static HoldReport Of(Hold hold) => new(
        hold.Id, hold.State.ToString().ToLowerInvariant(), DateTimeOffset.FromUnixTimeMilliseconds(hold.HeldAtMs),
        hold.DueMs is { } due ? DateTimeOffset.FromUnixTimeMilliseconds(due) : null, hold.OnExpiry, hold.Reasons, hold.Cases, hold.By, hold.At, hold.Reason);
}
