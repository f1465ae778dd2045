using System.Diagnostics;
using System.Globalization;

namespace PipeRoll.Load;

/// <summary>The real server as a process of its own, in a folder of its own, on free loopback ports.</summary>
internal sealed class BenchServer : IDisposable
{
    private readonly string[] _flags;
    private readonly string[] _settings;
    private Process _process;

    private BenchServer(string folder, string[] flags, string[] settings)
    {
        Folder = folder;
        _flags = flags;
        _settings = settings;
        _process = Start();
    }

    public string Folder { get; }

    public int KafkaPort { get; private set; }

    public int HttpPort { get; private set; }

    public string Bootstrap => $"127.0.0.1:{KafkaPort}";

    public double StartSeconds { get; private set; }

    public long ResidentBytes => Read("VmRSS:") * 1024;

    public long PeakBytes => Read("VmHWM:") * 1024;

    public double CpuSeconds
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
    }

    public bool HasExited => _process.HasExited;

    public static BenchServer Run(string folder, params string[] settings) => new(folder, [], settings);

    /// <param name="flags">As on the command line.</param>
    /// <param name="settings">Each NAME=VALUE.</param>
    public static BenchServer RunWith(string folder, string[] flags, string[] settings) => new(folder, flags, settings);

    public void KillAndStartAgain()
    {
        Kill();
        StartAgain();
    }

    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>After it has ended, on the same ports.</summary>
    public void StartAgain()
    {
        _process.Dispose();
        _process = Start();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    public static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "PipeRoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder.TrimEnd(Path.DirectorySeparatorChar));
        }

        return folder ?? throw new InvalidOperationException("PipeRoll.slnx is not above the benchmark's own folder");
    }

    private Process Start()
    {
        string[] arguments =
        [
            "up", "--data", Folder, "--kafka-port", $"{KafkaPort}", "--http-port", $"{HttpPort}", "--advertise", "127.0.0.1", .. _flags,
            .. _settings.SelectMany(setting => new[] { "--set", setting }),
        ];
        var start = new ProcessStartInfo(Path.Combine(Root(), "src", "Server", "bin", "Release", "net10.0", "PipeRoll.Server"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        long before = Stopwatch.GetTimestamp();
        Process process = Children.Start(start);
        string log = Folder + ".log";
        File.WriteAllText(log, "");
        process.ErrorDataReceived += (_, line) => File.AppendAllText(log, line.Data + "\n");
        process.BeginErrorReadLine();
        while (true)
        {
            string line = process.StandardOutput.ReadLine() ?? throw Ended(process, log);
            if (line.StartsWith("ready ", StringComparison.Ordinal))
            {
                StartSeconds = Stopwatch.GetElapsedTime(before).TotalSeconds;
                int[] ports = [.. line.Split(' ').Skip(1).Select(part => int.Parse(part[(part.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture))];
                (KafkaPort, HttpPort) = (ports[0], ports[1]);
                return process;
            }
        }
    }

    private static InvalidOperationException Ended(Process process, string log)
    {
        process.WaitForExit(); // for what it said last
        return new InvalidOperationException($"the server ended before it was ready: {string.Join('\n', File.ReadLines(log).TakeLast(5))}");
    }

    private long Read(string field) =>
        long.Parse(
            File.ReadLines($"/proc/{_process.Id}/status").Single(line => line.StartsWith(field, StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture);
}
