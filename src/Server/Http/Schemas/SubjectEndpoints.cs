using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>Subjects and their versions, and checks against them: <c>/subjects</c>, <c>/compatibility</c>.</summary>
internal static class SubjectEndpoints
{
    public static void Map(IEndpointRouteBuilder web, SchemaDesk desk)
    {
        RouteGroupBuilder group = web.MapGroup("/subjects").WithTags("schemas");
        group.MapGet("", (HttpContext http) => ListAsync(desk, http));
        group.MapGet("/{subject}/versions", (string subject, HttpContext http) => VersionsAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapGet("/{subject}/versions/{version}", (string subject, string version, HttpContext http) =>
            FindAsync(desk, http, SchemaDesk.Name(subject), version, static (_, found) => SchemaReply.Of(VersionBody.Of(found))));
        group.MapGet("/{subject}/versions/{version}/schema", (string subject, string version, HttpContext http) =>
            FindAsync(desk, http, SchemaDesk.Name(subject), version, static (_, found) => SchemaReply.Of(new RawText(found.Content.Text))));
        group.MapGet("/{subject}/versions/{version}/referencedby", (string subject, string version, HttpContext http) =>
            FindAsync(desk, http, SchemaDesk.Name(subject), version, static (state, found) =>
                SchemaReply.Of(state.ReferencedBy(found.Subject, found.Version).ToArray())));
        group.MapPost("/{subject}/versions", (string subject, HttpContext http) => RegisterAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapPost("/{subject}", (string subject, HttpContext http) => LookupAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapDelete("/{subject}", (string subject, HttpContext http) => DeleteAsync(desk, http, SchemaDesk.Name(subject)));
        group.MapDelete("/{subject}/versions/{version}", (string subject, string version, HttpContext http) =>
            DeleteVersionAsync(desk, http, SchemaDesk.Name(subject), version));
        RouteGroupBuilder checks = web.MapGroup("/compatibility/subjects").WithTags("schemas");
        checks.MapPost("/{subject}/versions", (string subject, HttpContext http) => CheckAsync(desk, http, SchemaDesk.Name(subject), null));
        checks.MapPost("/{subject}/versions/{version}", (string subject, string version, HttpContext http) =>
            CheckAsync(desk, http, SchemaDesk.Name(subject), version));
    }

    private static Task ListAsync(SchemaDesk desk, HttpContext http) => desk.ReadAsync(http, state =>
    {
        bool isDeletedOnly = SchemaDesk.Flag(http, "deletedOnly");
        bool withDeleted = isDeletedOnly || SchemaDesk.Flag(http, "deleted");
        string prefix = http.Request.Query["subjectPrefix"].ToString() is { Length: > 0 } given and not ":*:" ? given : "";
        return SchemaReply.Of(state.Subjects.Keys.Where(subject => subject.StartsWith(prefix, StringComparison.Ordinal)
            && state.Versions(subject, withDeleted).Any() && !(isDeletedOnly && state.Versions(subject, withDeleted: false).Any())).ToArray());
    });

    private static Task VersionsAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ReadAsync(http, state =>
    {
        bool isDeletedOnly = SchemaDesk.Flag(http, "deletedOnly");
        SchemaVersion[] versions = [.. state.Versions(subject, isDeletedOnly || SchemaDesk.Flag(http, "deleted"))];
        return versions.Length == 0
            ? SchemaReply.Refuse(RegistryError.SubjectNotFound(subject))
            : SchemaReply.Of(versions.Where(version => !isDeletedOnly || version.IsDeleted).Select(static version => version.Version).ToArray());
    });

    private static Task FindAsync(
        SchemaDesk desk, HttpContext http, string subject, string version, Func<RegistryState, SchemaVersion, SchemaReply> reply) =>
        desk.ReadAsync(http, state =>
        {
            (SchemaVersion? found, RegistryError? error) = Find(state, subject, version, SchemaDesk.Flag(http, "deleted"));
            return found is null ? SchemaReply.Refuse(error!) : reply(state, found);
        });

    private static Task RegisterAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ExecuteAsync<SchemaBody, SchemaVersion>(
        http,
        (state, body) =>
        {
            (SchemaDraft? draft, RegistryError? error) = SchemaDesk.Draft(body);
            return draft is null
                ? RegistryPlan.Refuse<SchemaVersion>(error!)
                : RegistryRules.Register(
                    state, desk.Registry.Cache, subject, draft, SchemaDesk.Flag(http, "normalize"), SchemaDesk.Principal(http), desk.Registry.Now);
        },
        static version => SchemaReply.Of(VersionBody.Of(version) with { Subject = null }));

    private static Task LookupAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ReadAsync<SchemaBody>(http, (state, body) =>
    {
        (SchemaDraft? draft, RegistryError? error) = SchemaDesk.Draft(body);
        if (draft is null)
        {
            return SchemaReply.Refuse(error!);
        }

        (SchemaVersion? found, RegistryError? missing) = RegistryRules.Lookup(
            state, desk.Registry.Cache, subject, draft, SchemaDesk.Flag(http, "normalize"), SchemaDesk.Flag(http, "deleted"));
        return found is null ? SchemaReply.Refuse(missing!) : SchemaReply.Of(VersionBody.Of(found));
    });

    private static Task DeleteAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ExecuteAsync(
        http,
        state => RegistryDeletes.DeleteSubject(state, subject, SchemaDesk.Flag(http, "permanent"), SchemaDesk.Principal(http)),
        static versions => SchemaReply.Of(versions));

    private static Task DeleteVersionAsync(SchemaDesk desk, HttpContext http, string subject, string version) => desk.ExecuteAsync(
        http,
        state =>
        {
            bool isPermanent = SchemaDesk.Flag(http, "permanent");
            (SchemaVersion? found, RegistryError? error) = Find(state, subject, version, withDeleted: true);
            if (found is null)
            {
                return RegistryPlan.Refuse<int>(error!);
            }

            if (SchemaDesk.Version(version) == 0 && !isPermanent && state.Latest(subject) is { } live)
            {
                found = live;
            }

            return RegistryDeletes.DeleteVersion(state, found, isPermanent, SchemaDesk.Principal(http));
        },
        static number => SchemaReply.Of(number));

    private static Task CheckAsync(SchemaDesk desk, HttpContext http, string subject, string? version) => desk.ReadAsync<SchemaBody>(http, (state, body) =>
    {
        (SchemaDraft? draft, RegistryError? error) = SchemaDesk.Draft(body);
        if (draft is null)
        {
            return SchemaReply.Refuse(error!);
        }

        SchemaVersion[]? against = null;
        if (version is not null)
        {
            (SchemaVersion? found, RegistryError? missing) = Find(state, subject, version, withDeleted: false);
            if (found is null)
            {
                return SchemaReply.Refuse(missing!);
            }

            against = [found];
        }

        (CompatibilityVerdict? verdict, RegistryError? invalid) = RegistryRules.Check(
            state, desk.Registry.Cache, subject, draft, SchemaDesk.Flag(http, "normalize"), against);
        return verdict is null
            ? SchemaReply.Refuse(invalid!)
            : SchemaReply.Of(new CompatibilityBody(verdict.IsCompatible, SchemaDesk.Flag(http, "verbose") ? verdict.Messages : null));
    });

    private static (SchemaVersion? Found, RegistryError? Error) Find(RegistryState state, string subject, string version, bool withDeleted)
    {
        if (SchemaDesk.Version(version) is not { } number)
        {
            return (null, RegistryError.InvalidVersion(version));
        }

        if (!state.Versions(subject, withDeleted).Any())
        {
            return (null, RegistryError.SubjectNotFound(subject));
        }

        SchemaVersion? found = number == 0 ? state.Latest(subject, withDeleted) : state.Find(subject, number);
        return found is null || (found.IsDeleted && !withDeleted) ? (null, RegistryError.VersionNotFound(version)) : (found, null);
    }
}
