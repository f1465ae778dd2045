using System.Text;
using PipeRoll.Policies;
using PipeRoll.Workflows.Blocking;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>
/// Decisions as they are committed, as server-sent events (WHATWG HTML, section 9.2): the event is the outcome, the data the decision record, the id
/// the position from which <c>Last-Event-ID</c> goes on without a gap.
/// </summary>
internal sealed class DecisionEvents(IWorkflowDirectory workflows)
{
    private const int StreamsMax = 50;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(10);
    private int _streams;

    /// <param name="outcome">Only these, by comma; null for all.</param>
    /// <param name="from"><c>latest</c> (default), <c>earliest</c>, or a position.</param>
    public async Task<IResult> StreamAsync(string name, string? outcome, string? from, HttpContext http)
    {
        if (workflows.Find(name) is not { } workflow)
        {
            return WorkflowEndpoints.Unknown(name, workflows);
        }

        HashSet<string>? wanted = outcome?.Split(',').ToHashSet(StringComparer.Ordinal);
        if (wanted?.FirstOrDefault(each => !OutcomeNames.TryParse(each, out Outcome _)) is { } wrong)
        {
            return Results.Problem($"'{wrong}' is no outcome: use allow, alert, hold or block", statusCode: StatusCodes.Status400BadRequest);
        }

        string? position = http.Request.Headers.TryGetValue("Last-Event-ID", out var last) ? last.ToString() : from switch
        {
            null or "latest" => null,
            "earliest" => "",
            _ => from,
        };
        try
        {
            if (Interlocked.Increment(ref _streams) > StreamsMax)
            {
                http.Response.Headers.RetryAfter = "10";
                return Results.Problem($"{StreamsMax} streams are open already", statusCode: StatusCodes.Status429TooManyRequests);
            }

            // To find the ends of the partitions blocks, and the broker beside us needs the pool's threads to answer.
            using DecisionStream stream = await Task.Factory.StartNew(
                () => workflow.Follow(position), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            // A stop of the server would wait for its followers otherwise.
            using var end = CancellationTokenSource.CreateLinkedTokenSource(
                http.RequestAborted, http.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
            await WriteAsync(stream, wanted, http.Response, end.Token);
            return Results.Empty;
        }
        catch (WorkflowRequestException refused)
        {
            return Results.Problem(refused.Message, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (WorkflowException)
        {
            return WorkflowEndpoints.NotReady(workflow);
        }
        finally
        {
            Interlocked.Decrement(ref _streams);
        }
    }

    private static async Task WriteAsync(DecisionStream stream, HashSet<string>? wanted, HttpResponse response, CancellationToken end)
    {
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        await response.StartAsync(end);
        try
        {
            Task<bool> more = stream.Decisions.WaitToReadAsync(end).AsTask();
            while (true)
            {
                if (await Task.WhenAny(more, Task.Delay(Heartbeat, end)) != more)
                {
                    // A comment, so that whoever stands between does not take the stream for dead.
                    await response.WriteAsync(":\n\n", end);
                    await response.Body.FlushAsync(end);
                    continue;
                }

                if (!await more)
                {
                    return;
                }

                while (stream.Decisions.TryRead(out StreamedDecision? decision))
                {
                    if (wanted?.Contains(decision.Outcome) != false)
                    {
                        await response.WriteAsync(
                            $"id: {decision.Position}\nevent: {decision.Outcome}\ndata: {Encoding.UTF8.GetString(decision.Record)}\n\n",
                            end);
                    }
                }

                await response.Body.FlushAsync(end);
                more = stream.Decisions.WaitToReadAsync(end).AsTask();
            }
        }
        catch (OperationCanceledException)
        {
            // The reader has gone, or the server goes.
        }
    }
}
