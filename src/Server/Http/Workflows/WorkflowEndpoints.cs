using PipeRoll.Broker.Security;
using PipeRoll.Workflows.Deciding;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>What a workflow is doing.</summary>
/// <param name="Problem">Why it does not run; null if it does.</param>
/// <param name="Decided">Decisions that this server's workers have written since it started.</param>
/// <param name="Committed">By partition that this server's workers have had: all events below are decided.</param>
internal sealed record WorkflowView(
    string Workflow, string Source, string Decisions, string Policy, string PolicyVersion, string PolicyHash, string? Problem, long Decided,
    IReadOnlyDictionary<int, long> Committed, int RequestsUnderWay);

/// <summary>The server's workflows: <c>/api/v1/workflows</c> (docs/formats/blocking.md).</summary>
internal static class WorkflowEndpoints
{
    public static void Map(IEndpointRouteBuilder web, IWorkflowDirectory workflows, Func<HttpAccess?> access)
    {
        RouteGroupBuilder group = web.MapGroup("/api/v1/workflows").WithTags("workflows");
        group.MapGet("", () => workflows.All.Select(View)).WithName("ListWorkflows");
        group.MapGet("/{name}", (string name) => workflows.Find(name) is { } workflow ? Results.Ok(View(workflow)) : Unknown(name, workflows))
            .WithName("GetWorkflow");
        var decide = new DecideEndpoints(workflows);
        group.MapPost("/{name}/decide", decide.DecideAsync).WithName("Decide");
        group.MapPost("/{name}/decide-batch", decide.DecideBatchAsync).WithName("DecideBatch");
        new PolicyEndpoints(workflows, access).Map(group);
        new HoldEndpoints(workflows, access).Map(group);
        group.MapGet("/{name}/decisions", new DecisionEvents(workflows).StreamAsync).WithName("StreamDecisions");
    }

    internal static IResult Unknown(string name, IWorkflowDirectory workflows) => Results.Problem(
        $"this server runs no workflow '{name}'; it runs {string.Join(", ", workflows.All.Select(each => each.Manifest.Name).DefaultIfEmpty("none"))}",
        statusCode: StatusCodes.Status404NotFound);

    internal static IResult NotReady(IHostedWorkflow workflow) => Results.Problem(
        $"workflow {workflow.Manifest.Name} is not ready: {workflow.Problem ?? "it starts"}", statusCode: StatusCodes.Status503ServiceUnavailable);

    private static WorkflowView View(IHostedWorkflow workflow)
    {
        WorkflowPlan plan = workflow.Plan;
        return new WorkflowView(
            plan.Manifest.Name, plan.Manifest.SourceTopic, plan.Manifest.DecisionTopic, plan.Policy.Name, plan.Policy.Version, plan.Policy.Hash,
            workflow.Problem, workflow.Progress.Decided, workflow.Progress.Committed, workflow.Desk?.UnderWay ?? 0);
    }
}
