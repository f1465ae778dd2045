using PipeRoll.Policies;
using PipeRoll.Workflows.Holding;
using PipeRoll.Workflows.Kafka;
using PipeRoll.Workflows.Life;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>Calls of a workflow's desks, which wait for the cluster, and what is answered when they refuse.</summary>
internal static class DeskCalls
{
    /// <summary>On a thread of its own: the broker beside us needs the pool's threads to answer the desk.</summary>
    /// <param name="desk">Null while the workflow has not reached its cluster.</param>
    public static Task<IResult> AtAsync<T>(
        IWorkflowDirectory workflows, string name, HttpContext http, Func<IHostedWorkflow, T?> desk, Func<T, IResult> answer)
        where T : class
    {
        if (workflows.Find(name) is not { } workflow)
        {
            return Task.FromResult(WorkflowEndpoints.Unknown(name, workflows));
        }

        if (desk(workflow) is not { } found)
        {
            http.Response.Headers.RetryAfter = "1";
            return Task.FromResult(WorkflowEndpoints.NotReady(workflow));
        }

        return Task.Factory.StartNew(
            () => Answer(() => answer(found)), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static IResult Answer(Func<IResult> answer)
    {
        try
        {
            return answer();
        }
        catch (LifeRefusedException refused)
        {
            return Results.Problem(refused.Message, statusCode: refused.IsForbidden ? StatusCodes.Status403Forbidden : StatusCodes.Status409Conflict);
        }
        catch (HoldRefusedException refused)
        {
            return Results.Problem(refused.Message, statusCode: StatusCodes.Status409Conflict);
        }
        catch (Exception wrong) when (wrong is PolicyException or FormatException)
        {
            return Results.Problem(wrong.Message, statusCode: StatusCodes.Status422UnprocessableEntity);
        }
        catch (WorkflowException away)
        {
            return Results.Problem(away.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }
}
