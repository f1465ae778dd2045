using PipeRoll.Broker.Security;
using PipeRoll.Operations.Api;
using PipeRoll.Workflows.Life;
using PipeRoll.Workflows.Versions;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>
/// The life of policy versions over HTTP: <c>/api/v1/workflows/{name}/policies</c> (docs/POLICY-LIFE.md). Whoever does something is the principal who
/// has logged in; each step that is taken is an audit event.
/// </summary>
internal sealed class PolicyEndpoints(IWorkflowDirectory workflows, Func<HttpAccess?> access)
{
    public void Map(RouteGroupBuilder group)
    {
        group.MapGet("/{name}/policies", (string name, HttpContext http) => AtDeskAsync(name, http, desk => Results.Ok(View(name, desk))))
            .WithName("GetPolicies");
        group.MapGet("/{name}/policies/history", (string name, HttpContext http) => AtDeskAsync(
            name, http, static desk => Results.Ok(desk.History().Select(static happened => Of(happened, null))))).WithName("GetPolicyHistory");
        group.MapPost("/{name}/policies", (string name, PolicySubmission body, HttpContext http) => StepAsync(name, http, (desk, by) => (desk.Submit(
            by, body.Reason, new PolicyFiles(body.Policy, body.Lists ?? new Dictionary<string, byte[]>(), body.Cases),
            body.Origin is { } origin ? new PolicyOrigin(origin.Commit, origin.Path, origin.Author) : null), null))).WithName("SubmitPolicy");
        group.MapPost("/{name}/policies/{hash}/test", (string name, string hash, PolicyTestOrder body, HttpContext http) => StepAsync(
            name, http, (desk, by) => Test(desk, by, hash, body, http.RequestAborted))).WithName("TestPolicy");
        Step("approve", static (desk, by, reason, hash) => desk.Approve(by, reason, hash));
        Step("reject", static (desk, by, reason, hash) => desk.Reject(by, reason, hash));
        Step("activate", static (desk, by, reason, hash) => desk.Activate(by, reason, hash));
        Step("retire", static (desk, by, reason, hash) => desk.Retire(by, reason, hash));
        group.MapPost("/{name}/policies/{hash}/canary", (string name, string hash, PolicyCanaryOrder body, HttpContext http) => StepAsync(
            name, http, (desk, by) => (desk.StartCanary(by, body.Reason, hash, body.Share), null))).WithName("StartCanary");
        group.MapPost("/{name}/policies/end-canary", (string name, PolicyStepOrder body, HttpContext http) => StepAsync(
            name, http, (desk, by) => (desk.EndCanary(by, body.Reason), null))).WithName("EndCanary");
        group.MapPost("/{name}/policies/rollback", (string name, PolicyStepOrder body, HttpContext http) => StepAsync(
            name, http, (desk, by) => (desk.RollBack(by, body.Reason), null))).WithName("RollBackPolicy");
        group.MapPost("/{name}/policies/control", (string name, PolicyControlOrder body, HttpContext http) => StepAsync(
            name, http, (desk, by) => (desk.ProposeControl(by, body.Reason, Of(body.Control)), null))).WithName("ProposeControl");

        void Step(string verb, Func<PolicyDesk, string, string, string, LifeEvent> take) => group.MapPost(
            $"/{{name}}/policies/{{hash}}/{verb}", (string name, string hash, PolicyStepOrder body, HttpContext http) => StepAsync(
                name, http, (desk, by) => (take(desk, by, body.Reason, hash), null))).WithName($"{verb}Policy");
    }

    private static (LifeEvent, IReadOnlyList<string>?) Test(
        PolicyDesk desk, string by, string hash, PolicyTestOrder order, CancellationToken stop) => order.Kind switch
        {
            "cases" => desk.TestCases(by, order.Reason, hash),
            "traffic" => (desk.TestTraffic(by, order.Reason, hash, stop).Event, null),
            _ => throw new FormatException($"a test is of cases or traffic, not '{order.Kind}'"),
        };

    private Task<IResult> StepAsync(string name, HttpContext http, Func<PolicyDesk, string, (LifeEvent Event, IReadOnlyList<string>? Failures)> take) =>
        AtDeskAsync(name, http, desk =>
        {
            (LifeEvent happened, IReadOnlyList<string>? failures) = take(desk, HttpSecurity.Actor(http));
            access()?.Changed(
                happened.By, HttpSecurity.AddressOf(http), $"{http.Request.Method} {http.Request.Path}", "Policy", $"{name}/{happened.Subject}",
                $"{Verb(happened.Step)} #{happened.Sequence}: {happened.Reason}");
            return Results.Ok(Of(happened, failures));
        });

    private Task<IResult> AtDeskAsync(string name, HttpContext http, Func<PolicyDesk, IResult> answer) =>
        DeskCalls.AtAsync(workflows, name, http, static workflow => workflow.Policies, answer);

    private static PolicyLifeReport View(string name, PolicyDesk desk)
    {
        WorkflowLife life = desk.Look();
        Activation[] newest =
        [
            .. desk.Activations().GroupBy(static each => each.Partition).Select(static partition => partition.Last()).OrderBy(static each => each.Partition),
        ];
        return new PolicyLifeReport(
            name, life.Active, life.Canary, life.CanaryShare,
            [.. life.Policies.Values.Select(static policy => new PolicyVersionReport(
                policy.Hash, policy.Name, policy.Version, policy.Stage.ToString().ToLowerInvariant(), policy.Author, policy.Approvers,
                [.. policy.Tests.Select(Say)],
                policy.Origin is { } origin ? new PolicyCommit(origin.Commit, origin.Path, origin.Author) : null))],
            Of(life.Control), life.Proposed.ToDictionary(static each => each.Key, static each => Of(each.Value.Control)),
            [.. newest.Select(static each => new PolicyActivationReport(each.Partition, each.FromOffset, each.Active, each.Canary, each.CanaryShare))],
            newest.Count(each => each.Sequence != life.OrderSequence));
    }

    private static string Say(PolicyTestResult test) => $"{test.Kind}: {(test.Passed ? "passed" : "FAILED")}, {test.Summary}";

    private static string Verb(LifeStep step) => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(step.ToString());

    private static PolicyStepReport Of(LifeEvent happened, IReadOnlyList<string>? failures) => new(
        happened.Sequence, happened.At, Verb(happened.Step), happened.Subject, happened.By, happened.Reason,
        happened.Test is { } test ? Say(test)
        : happened.Share is { } share ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{share:0.##%} of the keys")
        : happened.Name is { } name ? $"{name} {happened.Version}"
        : null,
        failures);

    private static LifeControl Of(PolicyControl control) => new(
        [.. control.Approvals.Select(static approval => new Approval(approval.Role, approval.Count))],
        control.Roles ?? new Dictionary<string, IReadOnlyList<string>>(), control.NeedsTest ?? true);

    private static PolicyControl Of(LifeControl control) => new(
        [.. control.Approvals.Select(static approval => new PolicyApproval(approval.Role, approval.Count))], control.Roles, control.NeedsTest);
}
