using System.Diagnostics;

namespace PipeRoll.Operations.Demo;

/// <summary>
/// The bucket and the database of a cluster demo: Ceph's RADOS Gateway and PostgreSQL by the scripts of <c>build/servers</c>, which install
/// the packages where they may. Failure: <see cref="DemoException"/> with what the script said last.
/// </summary>
internal sealed class ServerScripts(string scripts, string folder) : IDisposable
{
    private const int MissingPackages = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private bool _started;

    /// <summary>Settings of the brokers, as variables: secrets are no arguments, which everybody on a machine can read.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; private set; } = new Dictionary<string, string>();

    /// <summary>Where the S3 gateway answers.</summary>
    public string Endpoint { get; private set; } = "";

    /// <summary>Leave the folders where they are.</summary>
    public bool Keep { get; init; }

    private string Gateway => Path.Combine(folder, "rgw");

    private string Database => Path.Combine(folder, "postgres");

    public async Task StartAsync(CancellationToken stop)
    {
        _started = true;
        // As root, PostgreSQL runs as a user of its own, who must be able to get there: the gateway's script would make
        // this folder for its owner alone.
        Directory.CreateDirectory(folder);
        Task<string> gateway = RunAsync("rgw.sh", ["up", "-d", Gateway, "-p", "0"], stop);
        Task<string> database = RunAsync("pg.sh", ["up", "-d", Database], stop);
        // Both to their end, so that what the one has started is there to be stopped when the other fails.
        await Task.WhenAll(gateway, database);
        string connection = (await database).Trim();
        Dictionary<string, string> store = (await gateway).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);
        await RunAsync("rgw.sh", ["bucket", "piperoll", "-d", Gateway], stop);
        Endpoint = store["S3_ENDPOINT"];
        Variables = new Dictionary<string, string>
        {
            ["PIPEROLL_CLUSTER__DATABASE"] = connection,
            ["PIPEROLL_STORE__ENDPOINT"] = Endpoint,
            ["PIPEROLL_STORE__REGION"] = store["S3_REGION"],
            ["PIPEROLL_STORE__BUCKET"] = "piperoll",
            ["PIPEROLL_STORE__ACCESS_KEY"] = store["S3_ACCESS_KEY"],
            ["PIPEROLL_STORE__SECRET_KEY"] = store["S3_SECRET_KEY"],
        };
    }

    public void Dispose()
    {
        if (!_started)
        {
            return;
        }

        _started = false;
        string how = Keep ? "down" : "wipe";
        foreach ((string script, string where) in (ReadOnlySpan<(string, string)>)[("pg.sh", Database), ("rgw.sh", Gateway)])
        {
            using Process? process = Process.Start(StartInfo(script, [how, "-d", where]));
            process?.StandardOutput.ReadToEnd();
            process?.WaitForExit();
        }
    }

    private async Task<string> RunAsync(string script, string[] arguments, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(Patience);
        using Process process = Process.Start(StartInfo(script, arguments)) ?? throw new DemoException($"{script} could not be started");
        try
        {
            // Daemons that a script leaves behind do not hold these pipes: they have output files of their own.
            Task<string> error = process.StandardError.ReadToEndAsync(patience.Token);
            string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            if (process.ExitCode == 0)
            {
                return output;
            }

            string last = string.Join('\n', (await error).Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(8));
            throw new DemoException(process.ExitCode == MissingPackages
                ? $"the demo of a cluster needs Ceph's gateway and PostgreSQL on this machine:\n{last}"
                : $"{script} {arguments[0]} failed with exit code {process.ExitCode}:\n{last}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            stop.ThrowIfCancellationRequested();
            throw new DemoException($"{script} {arguments[0]} did not end within {Patience.TotalMinutes:0} minutes");
        }
    }

    private ProcessStartInfo StartInfo(string script, string[] arguments) => new(Path.Combine(scripts, script), arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
    };
}
