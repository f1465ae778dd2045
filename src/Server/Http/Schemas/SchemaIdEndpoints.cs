using System.Globalization;
using PipeRoll.Schemas.Protobuf;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>Text that is the whole answer: a schema, as it was stored.</summary>
internal sealed record RawText(string Text);

/// <summary>Schemas by id, and what there is at all: <c>/schemas</c>, <c>/contexts</c>, <c>/v1/metadata</c>.</summary>
internal static class SchemaIdEndpoints
{
    private static readonly string[] Types = ["JSON", "PROTOBUF", "AVRO"];
    private static readonly string[] Contexts = ["."];

    public static void Map(IEndpointRouteBuilder web, SchemaDesk desk, Func<string> clusterId)
    {
        RouteGroupBuilder group = web.MapGroup("/schemas").WithTags("schemas");
        group.MapGet("", (HttpContext http) => ListAsync(desk, http));
        group.MapGet("/types", (HttpContext http) => desk.ReadAsync(http, static _ => SchemaReply.Of(Types)));
        group.MapGet("/ids/{id:int}", (int id, HttpContext http) => ContentAsync(desk, http, id, (state, content) => SchemaReply.Of(
            VersionBody.Of(content) with
            {
                Schema = Formatted(desk, state, id, content, http),
                MaxId = SchemaDesk.Flag(http, "fetchMaxId") ? state.LastId : null,
            })));
        group.MapGet("/ids/{id:int}/schema", (int id, HttpContext http) =>
            ContentAsync(desk, http, id, static (_, content) => SchemaReply.Of(new RawText(content.Text))));
        group.MapGet("/ids/{id:int}/subjects", (int id, HttpContext http) => ContentAsync(desk, http, id, (state, _) =>
            SchemaReply.Of(Uses(state, id, http).Select(static use => use.Subject).Distinct().ToArray())));
        group.MapGet("/ids/{id:int}/versions", (int id, HttpContext http) => ContentAsync(desk, http, id, (state, _) =>
            SchemaReply.Of(Uses(state, id, http).Select(static use => new SubjectVersionBody(use.Subject, use.Version)).ToArray())));
        web.MapGet("/contexts", (HttpContext http) => desk.ReadAsync(http, static _ => SchemaReply.Of(Contexts))).WithTags("schemas");
        web.MapGet("/v1/metadata/id", (HttpContext http) => desk.ReadAsync(http, _ => SchemaReply.Of(new
        {
            scope = new { path = Array.Empty<string>(), clusters = new Dictionary<string, string> { ["kafka-cluster"] = clusterId(), ["schema-registry-cluster"] = "schema-registry" } },
            id = "",
        }))).WithTags("schemas");
        web.MapGet("/v1/metadata/version", (HttpContext http) =>
            desk.ReadAsync(http, static _ => SchemaReply.Of(new { version = "7.9.0", commitId = "piperoll" }))).WithTags("schemas");
    }

    private static Task ListAsync(SchemaDesk desk, HttpContext http) => desk.ReadAsync(http, state =>
    {
        bool withDeleted = SchemaDesk.Flag(http, "deleted");
        string prefix = http.Request.Query["subjectPrefix"].ToString() is { Length: > 0 } given and not ":*:" ? given : "";
        IEnumerable<string> subjects = state.Subjects.Keys.Where(subject => subject.StartsWith(prefix, StringComparison.Ordinal));
        IEnumerable<SchemaVersion> versions = subjects.SelectMany(subject => SchemaDesk.Flag(http, "latestOnly")
            ? state.Versions(subject, withDeleted).TakeLast(1)
            : state.Versions(subject, withDeleted));
        int limit = Number(http, "limit");
        return SchemaReply.Of(versions.Skip(Math.Max(Number(http, "offset"), 0)).Take(limit > 0 ? limit : int.MaxValue).Select(VersionBody.Of).ToArray());
    });

    private static Task ContentAsync(SchemaDesk desk, HttpContext http, int id, Func<RegistryState, SchemaContent, SchemaReply> reply) =>
        desk.ReadAsync(http, state => state.Content(id) is { } content ? reply(state, content) : SchemaReply.Refuse(RegistryError.SchemaNotFound(id)));

    /// <summary>Clients of Protobuf ask for the compiled form.</summary>
    private static string Formatted(SchemaDesk desk, RegistryState state, int id, SchemaContent content, HttpContext http) =>
        http.Request.Query["format"] == "serialized" && desk.Registry.Cache.Get(state, id, out _) is ProtobufSchema schema
            ? schema.Serialize("default")
            : content.Text;

    private static IEnumerable<(string Subject, int Version)> Uses(RegistryState state, int id, HttpContext http)
    {
        bool withDeleted = SchemaDesk.Flag(http, "deleted");
        string wanted = http.Request.Query["subject"].ToString();
        return state.Uses.GetValueOrDefault(id)?.Where(use =>
            (wanted.Length == 0 || use.Subject == wanted) && (withDeleted || state.Find(use.Subject, use.Version) is { IsDeleted: false })) ?? [];
    }

    private static int Number(HttpContext http, string name) =>
        int.TryParse(http.Request.Query[name].ToString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : 0;
}
