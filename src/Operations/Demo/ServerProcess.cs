using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace PipeRoll.Operations.Demo;

/// <summary>
/// The demo's own server: a real process that is started, killed without warning, started again on the same ports and data, and stopped.
/// Owner: the demo; one thread. Failure: <see cref="DemoException"/> with the server's last lines. Dispose leaves no process behind.
/// </summary>
public sealed class ServerProcess : IDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // A broker of a cluster hands over what it leads, and uploads the rest.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(45);
    private readonly string _executable;
    private readonly string _data;
    private readonly ConcurrentQueue<string> _lastLines = new();
    private Process? _process;

    public ServerProcess(string executable, string data)
    {
        _executable = executable;
        _data = data;
        KafkaPort = FreePort();
        HttpPort = FreePort();
    }

    /// <summary>Further settings, <c>SECTION/NAME=VALUE</c> each.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>Settings that nobody is to see in a list of processes.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; init; } = new Dictionary<string, string>();

    public int KafkaPort { get; }

    public int HttpPort { get; }

    public string Bootstrap => $"127.0.0.1:{KafkaPort}";

    /// <summary>
    /// The server of this very build: what PIPEROLL_SERVER names, or beside the command's own folder, or in its project's folder.
    /// </summary>
    public static string Locate(string baseDirectory, string? fromEnvironment)
    {
        if (!string.IsNullOrEmpty(fromEnvironment))
        {
            return File.Exists(fromEnvironment)
                ? fromEnvironment
                : throw new DemoException(
                    $"PIPEROLL_SERVER names {fromEnvironment}, which does not exist: let it name PipeRoll.Server.dll");
        }

        // src/Cli/bin/Debug/net10.0/ → src/Server/bin/Debug/net10.0/
        var folder = new DirectoryInfo(baseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        string sibling = Path.Combine(
            baseDirectory, "..", "..", "..", "..", "Server", "bin", folder.Parent?.Name ?? "Debug", folder.Name, "PipeRoll.Server.dll");
        string beside = Path.Combine(baseDirectory, "PipeRoll.Server.dll");
        string published = Path.Combine(baseDirectory, "..", "server", "PipeRoll.Server.dll");
        string[] candidates = [beside, published, sibling];
        return candidates.Select(Path.GetFullPath).FirstOrDefault(File.Exists)
            ?? throw new DemoException("the server's executable was not found: build the solution, set PIPEROLL_SERVER to "
                + "PipeRoll.Server.dll, or use --bootstrap");
    }

    /// <summary>Starts the server and waits until it says that it is ready.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = new Process { StartInfo = StartInfo() };
        process.OutputDataReceived += (_, line) => OnLine(line.Data, ready);
        process.ErrorDataReceived += (_, line) => OnLine(line.Data, null);
        process.EnableRaisingEvents = true;
        process.Exited += (_, _) => ready.TrySetException(new DemoException("the server ended before it was ready:\n" + LastLines()));
        process.Start();
        _process = process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await ready.Task.WaitAsync(Patience, stop);
        }
        catch (TimeoutException)
        {
            throw new DemoException($"the server was not ready within {Patience.TotalSeconds:0} s:\n" + LastLines());
        }
    }

    /// <summary>kill -9: nothing is flushed, nobody is told.</summary>
    public void Kill()
    {
        if (_process is { } process)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>SIGTERM, and a kill if that takes too long. Returns whether the server ended in order.</summary>
    public async Task<bool> StopAsync()
    {
        if (_process is not { } process)
        {
            return true;
        }

        bool isClean = false;
        if (!process.HasExited)
        {
            _ = SendSignal(process.Id, SigTerm);
            using var patience = new CancellationTokenSource(StopPatience);
            try
            {
                await process.WaitForExitAsync(patience.Token);
                isClean = process.ExitCode == 0;
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }
        }

        process.Dispose();
        _process = null;
        return isClean;
    }

    public void Dispose() => Kill();

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int SendSignal(int process, int signal);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private ProcessStartInfo StartInfo()
    {
        bool isLibrary = _executable.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        string host = Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet";
        var info = new ProcessStartInfo(isLibrary ? host : _executable)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string[] arguments =
        [
            "up", "--data", _data, "--kafka-port", $"{KafkaPort}", "--http-port", $"{HttpPort}", "--advertise", "127.0.0.1",
            .. Settings.SelectMany(setting => (string[])["--set", setting]),
        ];
        foreach (string argument in isLibrary ? [_executable, .. arguments] : arguments)
        {
            info.ArgumentList.Add(argument);
        }

        foreach ((string name, string value) in Variables)
        {
            info.Environment[name] = value;
        }

        return info;
    }

    private void OnLine(string? line, TaskCompletionSource? ready)
    {
        if (line is null)
        {
            return;
        }

        _lastLines.Enqueue(line);
        if (_lastLines.Count > 20)
        {
            _lastLines.TryDequeue(out _);
        }

        if (line.StartsWith("ready ", StringComparison.Ordinal))
        {
            ready?.TrySetResult();
        }
    }

    /// <summary>What the server said last, for messages.</summary>
    internal string LastLines() => string.Join('\n', _lastLines);
}
