using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace PipeRoll.StoreDouble;

/// <summary>One request: body in, fate and latency, effect, answer.</summary>
internal sealed class S3Request
{
    private const int DefaultPage = 1000;
    private static long _nextTag;
    private readonly HttpContext _context;
    private readonly Buckets _buckets;
    private readonly Statistics _statistics;
    private readonly FaultDice _dice;
    private readonly string _bucket;
    private readonly string _key;
    private long _bytesIn;
    private long _bytesOut;

    public S3Request(HttpContext context, Buckets buckets, Statistics statistics, FaultDice dice)
    {
        _context = context;
        _buckets = buckets;
        _statistics = statistics;
        _dice = dice;
        string path = context.Request.Path.Value ?? "/";
        int slash = path.IndexOf('/', 1);
        _bucket = slash < 0 ? path[1..] : path[1..slash];
        _key = slash < 0 ? "" : path[(slash + 1)..];
    }

    private HttpRequest Request => _context.Request;

    private HttpResponse Response => _context.Response;

    private IQueryCollection Query => _context.Request.Query;

    private string Name => $"{_bucket}/{_key}";

    public async Task HandleAsync()
    {
        string verb = Verb();
        Body? body = null;
        try
        {
            body = await ReceiveAsync();
            (Fate fate, TimeSpan latency) = _dice.Throw(verb, _key);
            if (latency > TimeSpan.Zero)
            {
                // A client that has hung up does not stop what is under way, as in a real store.
                await Task.Delay(latency, CancellationToken.None);
            }

            await SufferAsync(verb, fate, body);
            _statistics.Count(verb, _key, Response.StatusCode, _bytesIn, _bytesOut);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException || _context.RequestAborted.IsCancellationRequested)
        {
            _statistics.Count(verb, _key, 0, _bytesIn, _bytesOut);
        }
        finally
        {
            body?.Release();
        }
    }

    private string Verb() => Request.Method switch
    {
        "PUT" or "POST" when !Query.ContainsKey("delete") => "put",
        "GET" when _key.Length == 0 => "list",
        "GET" or "HEAD" => "get",
        _ => "delete",
    };

    private async ValueTask<Body?> ReceiveAsync()
    {
        if (Request.ContentLength is not (> 0 and <= int.MaxValue) || Request.ContentLength is not { } length)
        {
            return null;
        }

        var body = new Body((int)length);
        int position = 0;
        try
        {
            PipeReader reader = Request.BodyReader;
            while (position < length)
            {
                ReadResult read = await reader.ReadAsync();
                read.Buffer.CopyTo(body.Memory.Span[position..]);
                position += (int)read.Buffer.Length;
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted && position < length)
                {
                    throw new IOException("the body broke off");
                }
            }
        }
        catch
        {
            body.Release();
            throw;
        }

        _bytesIn = length;
        return body;
    }

    private async Task SufferAsync(string verb, Fate fate, Body? body)
    {
        switch (fate)
        {
            case Fate.Unavailable: await ErrorAsync(503, "SlowDown"); return;
            case Fate.FailBefore: await ErrorAsync(500, "InternalError"); return;
            case Fate.Forbidden: await ErrorAsync(403, "AccessDenied"); return;
            case Fate.Full: await ErrorAsync(507, "InsufficientStorage"); return;
            case Fate.HangBefore: await HangAsync(); return;
            case Fate.FailAfter or Fate.HangAfter when verb is "put" or "delete":
                _ = Effect(body);
                await (fate == Fate.FailAfter ? ErrorAsync(500, "InternalError") : HangAsync());
                return;
            case Fate.FailAfter: await ErrorAsync(500, "InternalError"); return;
            case Fate.HangAfter: await HangAsync(); return;
            default: break;
        }

        if (Request.Method is "GET" or "HEAD")
        {
            await AnswerReadAsync();
            return;
        }

        Outcome outcome = Effect(body);
        if (outcome.Status == 200)
        {
            SetTag(Response);
        }

        await (outcome.Status >= 400 ? ErrorAsync(outcome.Status, outcome.Text!) : XmlAsync(outcome.Status, outcome.Text));
    }

    /// <summary>Does what a request that writes asks for.</summary>
    private Outcome Effect(Body? body)
    {
        string upload = Query["uploadId"].ToString();
        switch (Request.Method)
        {
            case "PUT" when _key.Length == 0:
                return new Outcome(200);
            case "PUT" when upload.Length > 0:
                int number = int.Parse(Query["partNumber"].ToString(), CultureInfo.InvariantCulture);
                return _buckets.PutPart(upload, number, Kept(body)) ? new Outcome(200) : new Outcome(404, "NoSuchUpload");
            case "PUT":
                return Of(_buckets.Put(Name, Kept(body), Request.Headers.IfNoneMatch == "*"));
            case "POST" when Query.ContainsKey("delete"):
                foreach (string key in S3Xml.KeysToDelete(body?.Memory ?? default))
                {
                    _buckets.Delete($"{_bucket}/{key}");
                }

                return new Outcome(200, S3Xml.NothingFailed);
            case "POST" when Query.ContainsKey("uploads"):
                return new Outcome(200, S3Xml.Begun(_bucket, _key, _buckets.BeginUpload()));
            case "POST" when upload.Length > 0:
                return _buckets.Complete(upload, Name) switch
                {
                    Buckets.PutResult.Stored => new Outcome(200, S3Xml.Completed(_bucket, _key, NewTag())),
                    { } failed => Of(failed),
                    null => new Outcome(404, "NoSuchUpload"),
                };
            case "DELETE" when upload.Length > 0:
                _buckets.Abort(upload);
                return new Outcome(204);
            case "DELETE":
                _buckets.Delete(Name);
                return new Outcome(204);
            default:
                return new Outcome(501, "NotImplemented");
        }
    }

    private static Outcome Of(Buckets.PutResult result) => result switch
    {
        Buckets.PutResult.Exists => new Outcome(412, "PreconditionFailed"),
        Buckets.PutResult.Full => new Outcome(507, "InsufficientStorage"),
        _ => new Outcome(200),
    };

    private static Body Kept(Body? body)
    {
        if (body is null)
        {
            return new Body(0);
        }

        body.Hold();
        return body;
    }

    private async Task AnswerReadAsync()
    {
        if (_key.Length > 0)
        {
            await AnswerObjectAsync();
        }
        else if (Query.ContainsKey("versioning"))
        {
            await XmlAsync(200, S3Xml.Unversioned);
        }
        else if (Query["list-type"] == "2")
        {
            int max = int.TryParse(Query["max-keys"], CultureInfo.InvariantCulture, out int asked) ? Math.Clamp(asked, 1, DefaultPage) : DefaultPage;
            string prefix = Query["prefix"].ToString();
            string after = Query["continuation-token"].ToString() is { Length: > 0 } token ? token : Query["start-after"].ToString();
            var found = _buckets.List($"{_bucket}/{prefix}", $"{_bucket}/{after}", max);
            await XmlAsync(200, S3Xml.Listing(_bucket, prefix, found, max));
        }
        else
        {
            await ErrorAsync(501, "NotImplemented");
        }
    }

    private async Task AnswerObjectAsync()
    {
        if (_buckets.Get(Name) is not { } body)
        {
            await ErrorAsync(404, "NoSuchKey");
            return;
        }

        try
        {
            (long from, long to) = (0, body.Length - 1);
            if (Request.GetTypedHeaders().Range is { Ranges.Count: 1 } range)
            {
                from = range.Ranges.Single().From ?? 0;
                to = Math.Min(range.Ranges.Single().To ?? to, to);
                if (from >= body.Length)
                {
                    await ErrorAsync(416, "InvalidRange");
                    return;
                }

                Response.StatusCode = 206;
                Response.Headers.ContentRange = $"bytes {from}-{to}/{body.Length}";
            }

            SetTag(Response);
            Response.ContentLength = to - from + 1;
            if (Request.Method == "GET")
            {
                _bytesOut = to - from + 1;
                await Response.BodyWriter.WriteAsync(body.Memory[(int)from..(int)(to + 1)], _context.RequestAborted);
            }
        }
        finally
        {
            body.Release();
        }
    }

    private Task HangAsync() => Task.Delay(Timeout.Infinite, _context.RequestAborted);

    private Task ErrorAsync(int status, string code) =>
        XmlAsync(status, Request.Method == "HEAD" ? null : S3Xml.Error(code, $"the double answers {status}", Name));

    private async Task XmlAsync(int status, string? xml)
    {
        Response.StatusCode = status;
        if (xml is null)
        {
            Response.ContentLength = status == 204 ? null : 0;
            return;
        }

        Response.ContentType = "application/xml";
        await Response.WriteAsync(xml, _context.RequestAborted);
    }

    private static void SetTag(HttpResponse response) => response.Headers.ETag = NewTag();

    private static string NewTag() => $"\"{Interlocked.Increment(ref _nextTag):x32}\"";

    /// <param name="Text">The document, or the code of an error.</param>
    private readonly record struct Outcome(int Status, string? Text = null);
}
