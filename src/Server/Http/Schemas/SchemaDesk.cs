using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using PipeRoll.Broker.Registry;
using PipeRoll.Schemas;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>What an endpoint of the registry answers: an error, or a body.</summary>
/// <param name="Body">Null when there is an error.</param>
internal readonly record struct SchemaReply(RegistryError? Error, object? Body)
{
    public static SchemaReply Of(object body) => new(null, body);

    public static SchemaReply Refuse(RegistryError error) => new(error, null);
}

/// <summary>
/// What all endpoints of the registry share: reading bodies and flags, the principal, errors as Confluent writes them, and passing a request on to the
/// broker that leads the registry. Any thread.
/// </summary>
/// <param name="registry">Null while the broker starts.</param>
/// <param name="forward">Passes on to another broker, by node id; null with the embedded default.</param>
internal sealed class SchemaDesk(Func<SchemaRegistry?> registry, SchemaForwarder? forward)
{
    public const string ContentType = "application/vnd.schemaregistry.v1+json";

    private const int BodyBytesMax = 8 * 1024 * 1024;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Answers from the state.</summary>
    public async Task ReadAsync(HttpContext http, Func<RegistryState, SchemaReply> read) =>
        await ServeAsync(http, null, async (schemas, _) =>
        {
            RegistryAnswer<RegistryState> answer = await schemas.ReadAsync(http.RequestAborted);
            return (answer.AskNode, answer.Value is { } state ? read(state) : new SchemaReply(answer.Error, null));
        });

    /// <summary>As <see cref="ReadAsync(HttpContext, Func{RegistryState, SchemaReply})"/>, for what comes with a body.</summary>
    public async Task ReadAsync<TBody>(HttpContext http, Func<RegistryState, TBody, SchemaReply> read)
        where TBody : class => await ServeAsync(http, typeof(TBody), async (schemas, body) =>
        {
            RegistryAnswer<RegistryState> answer = await schemas.ReadAsync(http.RequestAborted);
            return (answer.AskNode, answer.Value is { } state ? read(state, (TBody)body!) : new SchemaReply(answer.Error, null));
        });

    /// <summary>Decides, writes, answers.</summary>
    public async Task ExecuteAsync<T>(HttpContext http, Func<RegistryState, RegistryPlan<T>> decide, Func<T, SchemaReply> reply) =>
        await ServeAsync(http, null, async (schemas, _) => await ExecuteAsync(http, schemas, decide, reply));

    /// <summary>Decides on a body, writes, answers.</summary>
    public async Task ExecuteAsync<TBody, T>(HttpContext http, Func<RegistryState, TBody, RegistryPlan<T>> decide, Func<T, SchemaReply> reply)
        where TBody : class => await ServeAsync(http, typeof(TBody), async (schemas, body) =>
            await ExecuteAsync(http, schemas, state => decide(state, (TBody)body!), reply));

    /// <summary>Parsed schemas, and the time. Only within a call of the above.</summary>
    public SchemaRegistry Registry => registry()!;

    /// <summary>Who asks. Until users are defined, the name that is given counts; without one, the address.</summary>
    public static string Principal(HttpContext http)
    {
        if (HttpSecurity.Proven(http) is { } proven)
        {
            return proven;
        }

        string header = http.Request.Headers.Authorization.ToString();
        if (header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            Span<byte> decoded = new byte[header.Length];
            if (Convert.TryFromBase64String(header[6..].Trim(), decoded, out int length)
                && System.Text.Encoding.UTF8.GetString(decoded[..length]).Split(':')[0] is { Length: > 0 } name)
            {
                return $"User:{name}";
            }
        }

        return HttpSecurity.Principal(http);
    }

    public static bool Flag(HttpContext http, string name) =>
        http.Request.Query[name].ToString().Equals("true", StringComparison.OrdinalIgnoreCase);

    /// <summary>Names may hold slashes, which routing leaves as they were sent.</summary>
    public static string Name(string routed) => routed.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    /// <returns>0 for the newest; null when it is no version at all.</returns>
    public static int? Version(string text) => text is "latest" or "-1" ? 0
        : int.TryParse(text, System.Globalization.NumberStyles.None, null, out int number) && number > 0 ? number
        : null;

    /// <returns>An error when something in it can't be.</returns>
    public static (SchemaDraft? Draft, RegistryError? Error) Draft(SchemaBody body)
    {
        if (SchemaTypes.Find(body.SchemaType) is not { } type)
        {
            return (null, RegistryError.InvalidSchema($"schema type '{body.SchemaType}' is none of AVRO, JSON, PROTOBUF"));
        }

        if (string.IsNullOrEmpty(body.Schema))
        {
            return (null, RegistryError.InvalidSchema("the request has no \"schema\""));
        }

        var references = new List<SchemaReference>();
        foreach (ReferenceBody reference in body.References ?? [])
        {
            if (reference.Name is not { Length: > 0 } name || reference.Subject is not { Length: > 0 } subject || reference.Version is not (>= 1 or -1))
            {
                return (null, RegistryError.InvalidSchema("a reference has a name, a subject and a version"));
            }

            references.Add(new SchemaReference(name, subject, reference.Version.Value));
        }

        return (new SchemaDraft(type, body.Schema, [.. references], Math.Max(body.Version ?? 0, 0), Math.Max(body.Id ?? 0, 0)), null);
    }

    private static async ValueTask<(int AskNode, SchemaReply Reply)> ExecuteAsync<T>(
        HttpContext http, SchemaRegistry schemas, Func<RegistryState, RegistryPlan<T>> decide, Func<T, SchemaReply> reply)
    {
        RegistryAnswer<T> answer = await schemas.ExecuteAsync(decide, Principal(http), http.RequestAborted);
        return (answer.AskNode, answer.Error is { } error ? SchemaReply.Refuse(error) : answer.AskNode >= 0 ? default : reply(answer.Value!));
    }

    private async Task ServeAsync(
        HttpContext http, Type? bodyType, Func<SchemaRegistry, object?, ValueTask<(int AskNode, SchemaReply Reply)>> serve)
    {
        if (registry() is not { } schemas)
        {
            await WriteAsync(http, SchemaReply.Refuse(RegistryError.NoLeader()));
            return;
        }

        (byte[] bytes, object? body, SchemaReply? refusal) = bodyType is null ? ([], null, null) : await BodyAsync(http, bodyType);
        if (refusal is { } refused)
        {
            await WriteAsync(http, refused);
            return;
        }

        (int node, SchemaReply reply) = await serve(schemas, body);
        if (node < 0)
        {
            await WriteAsync(http, reply);
        }
        else if (forward is null)
        {
            await WriteAsync(http, SchemaReply.Refuse(RegistryError.NoLeader()));
        }
        else if (await forward.ForwardAsync(http, node, bytes) is { } failure)
        {
            await WriteAsync(http, SchemaReply.Refuse(failure));
        }
    }

    private static async ValueTask<(byte[] Bytes, object? Body, SchemaReply? Refusal)> BodyAsync(HttpContext http, Type type)
    {
        // A form on a foreign page can send these without asking.
        string media = http.Request.ContentType ?? "";
        if (media.StartsWith("text/", StringComparison.OrdinalIgnoreCase) || media.Contains("form", StringComparison.OrdinalIgnoreCase))
        {
            return ([], null, SchemaReply.Refuse(new RegistryError(415, $"send JSON as {ContentType}, not {media}")));
        }

        using var buffer = new MemoryStream();
        byte[] chunk = new byte[16 * 1024];
        for (int read; (read = await http.Request.Body.ReadAsync(chunk, http.RequestAborted)) > 0;)
        {
            if (buffer.Length + read > BodyBytesMax)
            {
                return ([], null, SchemaReply.Refuse(new RegistryError(413, $"the request is larger than {BodyBytesMax} bytes")));
            }

            buffer.Write(chunk, 0, read);
        }

        byte[] bytes = buffer.ToArray();
        try
        {
            return JsonSerializer.Deserialize(bytes, type, Json) is { } body
                ? (bytes, body, null)
                : ([], null, SchemaReply.Refuse(new RegistryError(400, "the request has no body")));
        }
        catch (JsonException wrong)
        {
            return ([], null, SchemaReply.Refuse(new RegistryError(400, $"the body is not what is expected here: {wrong.Message}")));
        }
    }

    private static async Task WriteAsync(HttpContext http, SchemaReply reply)
    {
        http.Response.StatusCode = reply.Error?.HttpStatus ?? StatusCodes.Status200OK;
        http.Response.ContentType = ContentType;
        object body = reply.Error is { } error ? new ErrorBody(error.Code, error.Message) : reply.Body!;
        if (body is RawText raw)
        {
            await http.Response.WriteAsync(raw.Text, http.RequestAborted);
            return;
        }

        await http.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, body.GetType(), Json), http.RequestAborted);
    }
}
