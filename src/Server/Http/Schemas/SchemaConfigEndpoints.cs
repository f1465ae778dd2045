using PipeRoll.Schemas.Registry;

namespace PipeRoll.Server.Http.Schemas;

/// <summary>Compatibility levels and modes, of all subjects or of one: <c>/config</c>, <c>/mode</c>.</summary>
internal static class SchemaConfigEndpoints
{
    public static void Map(IEndpointRouteBuilder web, SchemaDesk desk)
    {
        RouteGroupBuilder config = web.MapGroup("/config").WithTags("schemas");
        config.MapGet("", (HttpContext http) => desk.ReadAsync(http, static state => SchemaReply.Of(Read(state.Config(null), isGlobal: true))));
        config.MapPut("", (HttpContext http) => SetConfigAsync(desk, http, null));
        config.MapDelete("", (HttpContext http) => DeleteConfigAsync(desk, http, null));
        config.MapGet("/{subject}", (string subject, HttpContext http) => GetConfigAsync(desk, http, SchemaDesk.Name(subject)));
        config.MapPut("/{subject}", (string subject, HttpContext http) => SetConfigAsync(desk, http, SchemaDesk.Name(subject)));
        config.MapDelete("/{subject}", (string subject, HttpContext http) => DeleteConfigAsync(desk, http, SchemaDesk.Name(subject)));
        RouteGroupBuilder mode = web.MapGroup("/mode").WithTags("schemas");
        mode.MapGet("", (HttpContext http) => desk.ReadAsync(http, static state => Mode(state.Mode(null) ?? RegistryMode.ReadWrite)));
        mode.MapPut("", (HttpContext http) => SetModeAsync(desk, http, null));
        mode.MapDelete("", (HttpContext http) => DeleteModeAsync(desk, http, null));
        mode.MapGet("/{subject}", (string subject, HttpContext http) => GetModeAsync(desk, http, SchemaDesk.Name(subject)));
        mode.MapPut("/{subject}", (string subject, HttpContext http) => SetModeAsync(desk, http, SchemaDesk.Name(subject)));
        mode.MapDelete("/{subject}", (string subject, HttpContext http) => DeleteModeAsync(desk, http, SchemaDesk.Name(subject)));
    }

    private static Task GetConfigAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ReadAsync(http, state =>
        state.Config(subject) is { } own ? SchemaReply.Of(Read(own, isGlobal: false))
        : SchemaDesk.Flag(http, "defaultToGlobal") ? SchemaReply.Of(Read(state.Config(null), isGlobal: true))
        : SchemaReply.Refuse(RegistryError.NoSubjectConfig(subject)));

    private static Task SetConfigAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync<ConfigBody, SubjectConfig>(
        http,
        (state, body) =>
        {
            CompatibilityLevel? level = RegistryWords.FindLevel(body.Compatibility);
            return (body.Compatibility is not null && level is null) || (level is null && body.Normalize is null)
                ? RegistryPlan.Refuse<SubjectConfig>(RegistryError.InvalidLevel())
                : RegistrySettings.SetConfig(state, subject, new SubjectConfig(level, body.Normalize), SchemaDesk.Principal(http));
        },
        static config => SchemaReply.Of(new ConfigBody(config.Compatibility is { } level ? RegistryWords.Name(level) : null, config.Normalize)));

    private static Task DeleteConfigAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync(
        http, state => RegistrySettings.DeleteConfig(state, subject, SchemaDesk.Principal(http)), config => SchemaReply.Of(Read(config, subject is null)));

    private static Task GetModeAsync(SchemaDesk desk, HttpContext http, string subject) => desk.ReadAsync(http, state =>
        state.Mode(subject) is { } own ? Mode(own)
        : SchemaDesk.Flag(http, "defaultToGlobal") ? Mode(state.ModeOf(subject))
        : SchemaReply.Refuse(RegistryError.NoSubjectMode(subject)));

    private static Task SetModeAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync<ModeBody, RegistryMode>(
        http,
        (state, body) => RegistryWords.FindMode(body.Mode) is { } mode
            ? RegistrySettings.SetMode(state, subject, mode, SchemaDesk.Flag(http, "force"), SchemaDesk.Principal(http))
            : RegistryPlan.Refuse<RegistryMode>(RegistryError.InvalidMode()),
        Mode);

    private static Task DeleteModeAsync(SchemaDesk desk, HttpContext http, string? subject) => desk.ExecuteAsync(
        http, state => RegistrySettings.DeleteMode(state, subject, SchemaDesk.Principal(http)), Mode);

    private static SchemaReply Mode(RegistryMode mode) => SchemaReply.Of(new ModeBody(RegistryWords.Name(mode)));

    private static ConfigReadBody Read(SubjectConfig? config, bool isGlobal)
    {
        CompatibilityLevel? level = config?.Compatibility ?? (isGlobal ? CompatibilityLevel.Backward : null);
        return new ConfigReadBody(level is { } set ? RegistryWords.Name(set) : null, config?.Normalize);
    }
}
