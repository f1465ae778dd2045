using System.Diagnostics;
using System.Reflection;

namespace PipeRoll.Servers;

/// <summary>One of the scripts below <c>build/servers</c>, with a temporary folder of its own.</summary>
/// <remarks>
/// Owner: the server that it starts. The daemons are not our children: should this process die without disposing, a watcher stops and wipes
/// them.
/// </remarks>
internal sealed class ServerScript : IAsyncDisposable
{
    private readonly string _script;
    private readonly string _folder;
    private Process? _watcher;

    /// <param name="name">Such as <c>rgw.sh</c>.</param>
    public ServerScript(string name)
    {
        _script = Path.Combine(FindRoot(), "build", "servers", name);

        // Short: a daemon's socket lies in it, and such a path has 107 bytes at most. Reachable for the user that PostgreSQL runs as.
        _folder = Path.Combine("/tmp", $"piperoll-{Path.GetFileNameWithoutExtension(name)}-{Path.GetRandomFileName()}");
    }

    /// <summary>Runs one command of the script.</summary>
    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">It failed; the message holds what it said.</exception>
    public async Task<string> RunAsync(params string[] arguments)
    {
        using Process process = Start("bash", [_script, .. arguments, "-d", _folder]);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{_script} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{await output}{await errors}");
    }

    /// <summary>The folder of its own.</summary>
    public string Folder => _folder;

    /// <summary>Starts the daemons for the first time, by such a command as <c>up</c>, and the watcher over them.</summary>
    public async Task<string> FirstAsync(params string[] command)
    {
        // In a session of its own: it must outlive an interrupt that ends us and our group.
        string watch = $"exec >/dev/null 2>&1; tail --pid={Environment.ProcessId} -f /dev/null; exec bash '{_script}' wipe -d '{_folder}'";
        _watcher ??= Start("setsid", ["bash", "-c", watch]);
        return await RunAsync(command);
    }

    public async ValueTask DisposeAsync()
    {
        if (_watcher is { } watcher)
        {
            watcher.Kill(entireProcessTree: true);
            watcher.Dispose();
            _watcher = null;
        }

        await RunAsync("wipe");
    }

    private static Process Start(string program, string[] arguments) => Process.Start(new ProcessStartInfo(program, arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        RedirectStandardInput = true,
    }) ?? throw new InvalidOperationException($"{program} could not be started");

    private static string FindRoot()
    {
        string? folder = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location);
        while (folder is not null && !File.Exists(Path.Combine(folder, "PipeRoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("PipeRoll.slnx is not above the test's own folder");
    }
}
