using PipeRoll.Operations.Api;
using PipeRoll.Schemas;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>Ours: who may let versions in, when nobody may, and the requests that wait: <c>/api/v1/schemas</c>.</summary>
internal static class SchemaGovernanceEndpoints
{
    public static void Map(IEndpointRouteBuilder web, SchemaDesk desk)
    {
        RouteGroupBuilder group = web.MapGroup("/api/v1/schemas").WithTags("schemas");
        group.MapGet("/governance", (HttpContext http) => desk.ReadAsync(http, static state => SchemaReply.Of(
            state.AllGovernance.OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                .Select(static pair => Of(pair.Key.Length == 0 ? null : pair.Key, pair.Value)).ToArray())));
        group.MapGet("/governance/{subject}", (string subject, HttpContext http) => desk.ReadAsync(http, state =>
            state.GovernanceOf(SchemaDesk.Name(subject)) is { } governance
                ? SchemaReply.Of(Of(SchemaDesk.Name(subject), governance))
                : SchemaReply.Refuse(RegistryError.NotGoverned(SchemaDesk.Name(subject)))));
        group.MapPut("/governance", (HttpContext http) => GovernAsync(desk, http, null));
        group.MapPut("/governance/{subject}", (string subject, HttpContext http) => GovernAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapDelete("/governance", (HttpContext http) => FreeAsync(desk, http, null));
        group.MapDelete("/governance/{subject}", (string subject, HttpContext http) => FreeAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapGet("/requests", (HttpContext http) => desk.ReadAsync(http, state => ListRequests(state, http)));
        group.MapGet("/requests/{id:int}", (int id, HttpContext http) => desk.ReadAsync(http, state =>
            state.Requests.TryGetValue(id, out ChangeRequest? request)
                ? SchemaReply.Of(Of(request))
                : SchemaReply.Refuse(RegistryError.RequestNotFound(id))));
        group.MapPost("/requests/{id:int}/approve", (int id, HttpContext http) => desk.ExecuteAsync<SchemaDecision, ChangeRequest>(
            http,
            (state, body) => ChangeRequests.Approve(
                state, desk.Registry.Cache, id, SchemaDesk.Principal(http), body.Comment ?? "", desk.Registry.Now),
            static request => SchemaReply.Of(Of(request))));
        group.MapPost("/requests/{id:int}/reject", (int id, HttpContext http) => desk.ExecuteAsync<SchemaDecision, ChangeRequest>(
            http,
            (state, body) => ChangeRequests.Reject(state, id, SchemaDesk.Principal(http), body.Comment ?? "", desk.Registry.Now),
            static request => SchemaReply.Of(Of(request))));
    }

    private static SchemaReply ListRequests(RegistryState state, HttpContext http)
    {
        string subject = http.Request.Query["subject"].ToString();
        string wanted = http.Request.Query["state"].ToString();
        return SchemaReply.Of(state.Requests.Values
            .Where(request => (subject.Length == 0 || request.Subject == subject)
                && (wanted.Length == 0 || wanted.Equals(request.State.ToString(), StringComparison.OrdinalIgnoreCase)))
            .Select(Of).ToArray());
    }

    private static Task GovernAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync<SchemaGovernanceOrder, Governance?>(
        http,
        (state, body) => ChangeRequests.Govern(
            state, subject,
            new Governance(
                [.. body.Approvers ?? []], body.Approvals ?? 1,
                [.. (body.Freezes ?? []).Select(static freeze => new FreezeWindow(freeze.From, freeze.To, freeze.Reason ?? ""))]),
            SchemaDesk.Principal(http)),
        governance => SchemaReply.Of(Of(subject, governance!)));

    private static Task FreeAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync(
        http, state => ChangeRequests.Govern(state, subject, null, SchemaDesk.Principal(http)), governance => SchemaReply.Of(Of(subject, governance!)));

    private static SchemaGovernanceReport Of(string? subject, Governance governance) => new(
        subject, [.. governance.Approvers], governance.Approvals,
        [.. governance.Freezes.Select(static freeze => new SchemaFreeze(freeze.From, freeze.To, freeze.Reason))]);

    private static SchemaRequestReport Of(ChangeRequest request) => new(
        request.Id, request.Subject, SchemaTypes.Name(request.Content.Type), request.Content.Text, request.Author, request.State.ToString().ToLowerInvariant(),
        request.State == RequestState.Approved ? request.SchemaId : null, request.State == RequestState.Approved ? request.Version : null,
        [.. request.Steps.Select(static step => new SchemaRequestStep(step.At, step.By, step.What, step.Comment))]);
}
