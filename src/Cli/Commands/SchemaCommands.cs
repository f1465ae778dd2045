using System.CommandLine;
using System.Globalization;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll schema list|show|check|register|request|approve|reject|govern</c>, over the HTTP API of any broker.</summary>
internal static class SchemaCommands
{
    private static readonly Argument<string> Subject = new("subject") { Description = "Such as orders-value" };
    private static readonly Argument<int> Request = new("request") { Description = "Number of the change request" };
    private static readonly Option<string?> Comment = new("--comment", "-m") { Description = "Why", HelpName = "TEXT" };
    private static readonly Argument<string> Source = new("file") { Description = "The schema; - reads standard input" };
    private static readonly Option<string?> Type = new("--type")
    {
        Description = "avro, json or protobuf; else by the file's name (.avsc, .json, .proto)",
        HelpName = "TYPE",
    };

    private static readonly Option<string[]> References = new("--reference")
    {
        Description = "A schema that this one names, as NAME=SUBJECT:VERSION; the newest without a version; may be repeated",
        HelpName = "NAME=SUBJECT:VERSION",
    };

    public static Command Create(CliConsole console)
    {
        Type.AcceptOnlyFromAmong("avro", "json", "protobuf");
        var schema = new Command("schema", "Schemas of records: list, show, check, register; requests for governed subjects") { HttpOptions.Http };
        schema.Subcommands.Add(List(console));
        schema.Subcommands.Add(Show(console));
        schema.Subcommands.Add(Check(console));
        schema.Subcommands.Add(Register(console));
        schema.Subcommands.Add(Requests(console));
        schema.Subcommands.Add(Decide(console, isApproval: true));
        schema.Subcommands.Add(Decide(console, isApproval: false));
        schema.Subcommands.Add(Govern(console));
        return schema;
    }

    private static Command List(CliConsole console)
    {
        var subject = new Argument<string?>("subject") { Description = "Its versions; left out: all subjects", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("list", "Lists subjects, or the versions of one") { subject };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            if (parsed.GetValue(subject) is { } named)
            {
                IReadOnlyList<int> versions = await api.VersionsAsync(named, stop);
                Say(console, parsed, versions, () => console.Output.WriteLine(string.Join('\n', versions)));
            }
            else
            {
                IReadOnlyList<string> subjects = await api.SubjectsAsync(stop);
                Say(console, parsed, subjects, () => console.Output.WriteLine(subjects.Count == 0 ? "no subjects" : string.Join('\n', subjects)));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Show(CliConsole console)
    {
        var version = new Argument<string>("version") { Description = "A number, or latest", DefaultValueFactory = _ => "latest" };
        var command = new Command("show", "Shows the text of a version") { Subject, version };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            SchemaVersionReport found = await api.SchemaAsync(parsed.GetRequiredValue(Subject), parsed.GetRequiredValue(version), stop);
            Say(console, parsed, found, () => console.Output.WriteLine(found.Schema));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Check(CliConsole console)
    {
        var command = new Command("check", "Says whether a schema could be registered, and if not, why not; registers nothing") { Subject, Source, Type, References };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            SchemaCheckReport report = await api.CheckSchemaAsync(parsed.GetRequiredValue(Subject), await OrderAsync(console, parsed, stop), stop);
            Say(console, parsed, report, () =>
            {
                console.Output.WriteLine(report.IsCompatible ? "compatible" : "not compatible");
                foreach (string message in report.Messages ?? [])
                {
                    console.Output.WriteLine($"  {message}");
                }
            });
            return report.IsCompatible ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static Command Register(CliConsole console)
    {
        var command = new Command("register", "Registers a schema, or asks for it where the subject is governed") { Subject, Source, Type, References };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            SchemaVersionReport made = await api.RegisterSchemaAsync(parsed.GetRequiredValue(Subject), await OrderAsync(console, parsed, stop), stop);
            Say(console, parsed, made, () => console.Output.WriteLine($"version {made.Version}, id {made.Id}"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Requests(CliConsole console)
    {
        var id = new Argument<int?>("request") { Description = "All that was done about it; left out: lists the requests", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Also those that are decided" };
        var command = new Command("request", "Lists change requests, or shows one") { id, all };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            if (parsed.GetValue(id) is { } number)
            {
                SchemaRequestReport request = await api.SchemaRequestAsync(number, stop);
                Say(console, parsed, request, () => Print(console, request));
                return ExitCode.Ok;
            }

            SchemaRequestReport[] requests =
                [.. (await api.SchemaRequestsAsync(stop)).Where(request => parsed.GetValue(all) || request.State == "pending")];
            Say(console, parsed, requests, () => console.WriteTable(
                ["REQUEST", "SUBJECT", "TYPE", "STATE", "AUTHOR", "SINCE"],
                requests.Select(request => new[]
                {
                    $"{request.Id}", request.Subject, request.SchemaType, request.State, request.Author, $"{request.Steps[0].At:u}",
                })));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Decide(CliConsole console, bool isApproval)
    {
        var command = new Command(isApproval ? "approve" : "reject", isApproval
            ? "Approves a change request: the last approval needed registers its schema"
            : "Rejects a change request, or takes back one's own") { Request, Comment };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            SchemaRequestReport request = await api.DecideSchemaRequestAsync(
                parsed.GetRequiredValue(Request), isApproval, parsed.GetValue(Comment), stop);
            Say(console, parsed, request, () => console.Output.WriteLine(request.State switch
            {
                "approved" => $"request {request.Id} is approved: version {request.Version} of {request.Subject}, id {request.SchemaId}",
                "pending" => $"request {request.Id} needs further approvals",
                _ => $"request {request.Id} is {request.State}",
            }));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Govern(CliConsole console)
    {
        var subject = new Argument<string?>("subject") { Description = "Left out: all that say nothing themselves", Arity = ArgumentArity.ZeroOrOne };
        var approvers = new Option<string[]>("--approver") { Description = "A principal such as User:bob; may be repeated", HelpName = "PRINCIPAL" };
        var approvals = new Option<int>("--approvals") { Description = "How many of them must approve (1)", DefaultValueFactory = _ => 1, HelpName = "NUMBER" };
        var freezes = new Option<string[]>("--freeze") { Description = "A time in which nothing may change; may be repeated", HelpName = "FROM/TO[=REASON]" };
        var none = new Option<bool>("--none") { Description = "Governs it no longer" };
        var command = new Command("govern", "Says who lets versions of a subject in, and when nobody may") { subject, approvers, approvals, freezes, none };
        command.SetAction(async (parsed, stop) =>
        {
            using ServerApi api = parsed.Api();
            string? named = parsed.GetValue(subject);
            string[] principals = parsed.GetValue(approvers) ?? [];
            SchemaFreeze[] windows = [.. (parsed.GetValue(freezes) ?? []).Select(Freeze)];
            bool isFree = parsed.GetValue(none);
            if (isFree == (principals.Length + windows.Length > 0))
            {
                throw new UsageException("give --approver or --freeze, or --none");
            }

            SchemaGovernanceReport report = isFree
                ? await api.FreeSchemasAsync(named, stop)
                : await api.GovernSchemasAsync(named, new SchemaGovernanceOrder(principals, parsed.GetValue(approvals), windows), stop);
            Say(console, parsed, report, () => console.Output.WriteLine(isFree
                ? $"{named ?? "all subjects"}: not governed any more"
                : $"{named ?? "all subjects"}: {report.Approvals} of {string.Join(", ", report.Approvers)}, {report.Freezes.Count} freezes"));
            return ExitCode.Ok;
        });
        return command;
    }

    private static void Print(CliConsole console, SchemaRequestReport request)
    {
        console.Output.WriteLine($"request {request.Id} for {request.Subject} ({request.SchemaType}): {request.State}");
        foreach (SchemaRequestStep step in request.Steps)
        {
            console.Output.WriteLine($"  {step.At:u} {step.By} {step.What}{(step.Comment.Length > 0 ? ": " + step.Comment : "")}");
        }

        console.Output.WriteLine(request.Schema);
    }

    private static async Task<SchemaOrder> OrderAsync(CliConsole console, ParseResult parsed, CancellationToken stop)
    {
        string file = parsed.GetRequiredValue(Source);
        string text = file == "-" ? await console.Input.ReadToEndAsync(stop) : await File.ReadAllTextAsync(file, stop);
        string type = parsed.GetValue(Type) ?? Path.GetExtension(file).ToLowerInvariant() switch
        {
            ".proto" => "protobuf",
            ".avsc" or ".avro" => "avro",
            ".json" => "json",
            _ => throw new UsageException("give --type avro, json or protobuf"),
        };
        return new SchemaOrder(text, type.ToUpperInvariant(), [.. (parsed.GetValue(References) ?? []).Select(Reference)]);
    }

    private static SchemaReferenceOrder Reference(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        int colon = text.LastIndexOf(':');
        bool hasVersion = colon > equals && int.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return equals > 0 && equals < text.Length - 1
            ? new SchemaReferenceOrder(
                text[..equals], hasVersion ? text[(equals + 1)..colon] : text[(equals + 1)..],
                hasVersion ? int.Parse(text[(colon + 1)..], CultureInfo.InvariantCulture) : -1)
            : throw new UsageException($"--reference takes NAME=SUBJECT:VERSION, not '{text}'");
    }

    private static SchemaFreeze Freeze(string text)
    {
        string[] halves = text.Split('=', 2);
        string[] ends = halves[0].Split('/');
        return ends.Length == 2
            && DateTimeOffset.TryParse(ends[0], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset from)
            && DateTimeOffset.TryParse(ends[1], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset to)
            ? new SchemaFreeze(from, to, halves.Length == 2 ? halves[1] : "")
            : throw new UsageException($"--freeze takes FROM/TO, such as 2026-12-20T00:00Z/2027-01-05T00:00Z=holidays, not '{text}'");
    }

    private static void Say(CliConsole console, ParseResult parsed, object json, Action text)
    {
        if (parsed.IsJson())
        {
            console.WriteJson(json);
        }
        else
        {
            text();
        }
    }
}
