using System.CommandLine;
using PipeRoll.Policies;
using PipeRoll.Policies.Sigma;

namespace PipeRoll.Cli.Commands;

/// <summary><c>piperoll sigma compile</c>: Sigma rules as a policy.</summary>
internal static class SigmaCommands
{
    public static Command Create(CliConsole console)
    {
        var sigma = new Command("sigma", "Sigma rules: compile");
        sigma.Subcommands.Add(Compile(console));
        return sigma;
    }

    private static Command Compile(CliConsole console)
    {
        var paths = new Argument<string[]>("files") { Description = "Sigma files, or folders with them", Arity = ArgumentArity.OneOrMore };
        var mapping = new Option<string>("--mapping", "-m")
        {
            Description = "Where fields are: windows-json, flat, or a mapping file",
            DefaultValueFactory = _ => "windows-json",
        };
        var key = new Option<string>("--key", "-k")
        {
            Description = "For --mapping flat: the field by which events are keyed",
            DefaultValueFactory = _ => "key",
        };
        var name = new Option<string>("--name") { Description = "The policy's name", DefaultValueFactory = _ => "sigma" };
        var version = new Option<string>("--policy-version") { Description = "The policy's version", DefaultValueFactory = _ => "1" };
        var into = new Option<string?>("--into") { Description = "Write the policy to a file instead of stdout", HelpName = "FILE" };
        var command = new Command("compile", "Compiles Sigma rules and correlations into one policy") { paths, mapping, key, name, version, into };
        command.SetAction(parsed =>
        {
            List<(string, string)> files = [.. parsed.GetRequiredValue(paths).SelectMany(FilesOf).Select(file => (file, File.ReadAllText(file)))];
            SigmaCompilation compiled = SigmaCompiler.Compile(
                parsed.GetRequiredValue(name),
                parsed.GetRequiredValue(version),
                files,
                MappingOf(parsed.GetRequiredValue(mapping), parsed.GetRequiredValue(key)));
            // What cannot be used shall not be written.
            var policy = PolicyBundle.Parse(new PolicySource(parsed.GetValue(into) ?? "compiled.yaml", compiled.Yaml));
            if (parsed.GetValue(into) is { } target)
            {
                File.WriteAllText(target, compiled.Yaml);
            }

            if (parsed.IsJson())
            {
                console.WriteJson(new { files = files.Count, rules = compiled.Rules, windows = compiled.Windows, hash = policy.Hash, policy = compiled.Yaml });
            }
            else if (parsed.GetValue(into) is { } written)
            {
                console.Output.WriteLine($"{written}: {compiled.Rules} rules, {compiled.Windows} windows from {files.Count} files, hash {policy.Hash}");
            }
            else
            {
                console.Output.Write(compiled.Yaml);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static IEnumerable<string> FilesOf(string path)
    {
        if (Directory.Exists(path))
        {
            return Directory.EnumerateFiles(path, "*.yml", SearchOption.AllDirectories).Order(StringComparer.Ordinal);
        }

        return File.Exists(path) ? [path] : throw new UsageException($"there is no file {path}");
    }

    private static SigmaMapping MappingOf(string mapping, string key) => mapping switch
    {
        "windows-json" => SigmaMapping.WindowsJson,
        "flat" => SigmaMapping.Flat(key),
        _ when File.Exists(mapping) => SigmaMapping.Parse(mapping, File.ReadAllText(mapping)),
        _ => throw new UsageException($"there is no mapping '{mapping}': write windows-json, flat, or the name of a mapping file"),
    };
}
