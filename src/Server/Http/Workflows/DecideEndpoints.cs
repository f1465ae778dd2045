using System.Globalization;
using System.Text.Json;
using PipeRoll.Workflows.Blocking;

namespace PipeRoll.Server.Http.Workflows;

/// <summary>Events that are decided while the caller waits, one or many.</summary>
internal sealed class DecideEndpoints(IWorkflowDirectory workflows)
{
    private const int BodyBytesMax = 16 * 1024 * 1024;
    private const int BatchMax = 1_000;
    private const int DeadlineMsMax = 60_000;

    public Task<IResult> DecideAsync(string name, HttpContext http) => AtDeskAsync(name, http, async (workflow, desk) =>
    {
        byte[] body = await ReadAsync(http);
        string? key = http.Request.Headers.TryGetValue("Idempotency-Key", out var given) ? given.ToString() : null;
        BlockingAnswer answer = await desk.DecideAsync(body, key, Deadline(http));
        int status = StatusOf(answer);
        if (status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable)
        {
            http.Response.Headers.RetryAfter = "1";
        }

        return answer.Outcome is null
            ? Results.Problem(answer.Problem, statusCode: status)
            : Results.Bytes(DecideAnswers.Write(workflow.Manifest, answer), "application/json");
    });

    public Task<IResult> DecideBatchAsync(string name, HttpContext http) => AtDeskAsync(name, http, async (workflow, desk) =>
    {
        List<(byte[] Event, string? Key)> requests = ReadBatch(await ReadAsync(http));
        TimeSpan? deadline = Deadline(http);

        // Handed over one after the other, so that events of one key are decided in the order in which they stand.
        Task<BlockingAnswer>[] answers = [.. requests.Select(request => AnswerAsync(desk, request.Event, request.Key, deadline))];
        return Results.Bytes(DecideAnswers.WriteBatch(workflow.Manifest, await Task.WhenAll(answers), StatusOf), "application/json");
    });

    internal static int StatusOf(BlockingAnswer answer) => answer.Result switch
    {
        BlockingResult.Decided or BlockingResult.ByDeadline => StatusCodes.Status200OK,
        BlockingResult.KeyReused => StatusCodes.Status422UnprocessableEntity,
        BlockingResult.Busy => StatusCodes.Status429TooManyRequests,
        BlockingResult.Refused => StatusCodes.Status400BadRequest,
        _ => StatusCodes.Status503ServiceUnavailable,
    };

    private async Task<IResult> AtDeskAsync(string name, HttpContext http, Func<IHostedWorkflow, DecisionDesk, Task<IResult>> answer)
    {
        if (workflows.Find(name) is not { } workflow)
        {
            return WorkflowEndpoints.Unknown(name, workflows);
        }

        if (workflow.Desk is not { } desk)
        {
            http.Response.Headers.RetryAfter = "1";
            return WorkflowEndpoints.NotReady(workflow);
        }

        try
        {
            return await answer(workflow, desk);
        }
        catch (WorkflowRequestException wrong)
        {
            return Results.Problem(wrong.Message, statusCode: StatusCodes.Status400BadRequest);
        }
    }

    private static async Task<BlockingAnswer> AnswerAsync(DecisionDesk desk, byte[] body, string? key, TimeSpan? deadline)
    {
        try
        {
            return await desk.DecideAsync(body, key, deadline);
        }
        catch (WorkflowRequestException wrong)
        {
            return new BlockingAnswer(BlockingResult.Refused, -1, null, null, null, wrong.Message);
        }
    }

    private static List<(byte[] Event, string? Key)> ReadBatch(byte[] body)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("requests", out JsonElement requests)
                || requests.ValueKind != JsonValueKind.Array || requests.GetArrayLength() is 0 or > BatchMax)
            {
                throw new WorkflowRequestException(
                    $"a batch is {{\"requests\":[{{\"event\":{{…}},\"idempotencyKey\":\"…\"}}]}} with 1 to {BatchMax} requests; the key may be left out");
            }

            var read = new List<(byte[], string?)>(requests.GetArrayLength());
            foreach (JsonElement request in requests.EnumerateArray())
            {
                if (request.ValueKind != JsonValueKind.Object || !request.TryGetProperty("event", out JsonElement happened))
                {
                    throw new WorkflowRequestException($"request {read.Count + 1} of the batch has no 'event'");
                }

                string? key = request.TryGetProperty("idempotencyKey", out JsonElement given) ? given.GetString() : null;
                read.Add((JsonSerializer.SerializeToUtf8Bytes(happened), key));
            }

            return read;
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            throw new WorkflowRequestException($"the batch is no JSON of the right form: {wrong.Message}");
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContext http)
    {
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await http.Request.Body.ReadAsync(buffer, http.RequestAborted) is var count and > 0)
        {
            if (body.Length + count > BodyBytesMax)
            {
                throw new WorkflowRequestException($"the request has more than {BodyBytesMax} bytes: send fewer events at once");
            }

            body.Write(buffer, 0, count);
        }

        return body.ToArray();
    }

    private static TimeSpan? Deadline(HttpContext http)
    {
        if (!http.Request.Headers.TryGetValue("X-Deadline-Ms", out var given))
        {
            return null;
        }

        return int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out int ms) && ms is > 0 and <= DeadlineMsMax
            ? TimeSpan.FromMilliseconds(ms)
            : throw new WorkflowRequestException($"X-Deadline-Ms is a whole number from 1 to {DeadlineMsMax}, not '{given}'");
    }
}
