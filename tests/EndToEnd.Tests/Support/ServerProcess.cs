using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>A real server on free loopback ports, restarted on the same ports and folder after it was killed.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private const int SigTerm = 15;
    private const int SigStop = 19;
    private const int SigContinue = 18;

    private readonly string _dataFolder;
    private readonly string[] _flags;
    private readonly ServerPlace _place;
    private readonly List<string> _log = [];
    private Process? _process;

    private ServerProcess(string dataFolder, string[] flags, ServerPlace place)
    {
        _dataFolder = dataFolder;
        _flags = flags;
        _place = place;
    }

    public int KafkaPort { get; private set; }

    public int HttpPort { get; private set; }

    public string Bootstrap => $"{_place.Address}:{KafkaPort}";

    public Uri Http => new($"{_place.Scheme}://{_place.Address}:{HttpPort}");

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("the server does not run");

    public bool HasExited => _process is null or { HasExited: true };

    /// <summary>What the server has logged since its last start.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join(Environment.NewLine, _log);
            }
        }
    }

    public static Task<ServerProcess> StartAsync(string dataFolder, params string[] flags) => StartAsync(ServerPlace.Here, dataFolder, flags);

    public static async Task<ServerProcess> StartAsync(ServerPlace place, string dataFolder, params string[] flags)
    {
        var server = new ServerProcess(dataFolder, flags, place);
        try
        {
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async Task StartAgainAsync()
    {
        lock (_log)
        {
            _log.Clear();
        }

        string[] command =
        [
            .. _place.Prefix, Checkout.Server, "up", "--data", _dataFolder, "--kafka-port", $"{KafkaPort}", "--http-port", $"{HttpPort}",
            "--listen", _place.Address, "--advertise", _place.Address, .. _flags,
        ];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in _place.Environment)
        {
            start.Environment[name] = value;
        }

        var ready = new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously);
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Read(line.Data, ready);
        _process.ErrorDataReceived += (_, line) => Read(line.Data, ready);
        _process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"the server ended before it was ready:{Environment.NewLine}{Log}"));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await Task.WhenAny(ready.Task, Task.Delay(TimeSpan.FromSeconds(60)));
        Assert.True(ready.Task.IsCompleted, $"the server is not ready after 60 s; it said:{Environment.NewLine}{Log}");
        Match match = await ready.Task;
        KafkaPort = int.Parse(match.Groups["kafka"].Value);
        HttpPort = int.Parse(match.Groups["http"].Value);
    }

    /// <summary>kill -9: no handler runs, nothing is flushed.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM; returns the exit code.</summary>
    public async Task<int> TerminateAsync(int timeoutSeconds = 30)
    {
        Signal(SigTerm);
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(timeoutSeconds));
        return _process.ExitCode;
    }

    public void Pause() => Signal(SigStop);

    public void Resume() => Signal(SigContinue);

    /// <summary>Waits for a server that is expected to end by itself; returns the exit code.</summary>
    public async Task<int> WaitForExitAsync(int timeoutSeconds)
    {
        await _process!.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(timeoutSeconds));
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync();
        }

        _process?.Dispose();
    }

    private void Read(string? line, TaskCompletionSource<Match> ready)
    {
        if (line is null)
        {
            return;
        }

        lock (_log)
        {
            _log.Add(line);
        }

        Match match = ReadyLine().Match(line);
        if (match.Success)
        {
            ready.TrySetResult(match);
        }
    }

    private void Signal(int signal) => Assert.Equal(0, Kill(ProcessId, signal));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);

    [GeneratedRegex(@"^ready kafka=\S+?:(?<kafka>\d+) http=\S+?:(?<http>\d+)$")]
    private static partial Regex ReadyLine();
}
