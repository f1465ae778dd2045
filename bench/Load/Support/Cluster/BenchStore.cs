using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace PipeRoll.Load.Cluster;

/// <summary>The store double as a process of its own: S3 in memory, as slow and as broken as it is told to be.</summary>
internal sealed class BenchStore : IDisposable
{
    private readonly Process _process;
    private readonly HttpClient _http = new();

    public BenchStore(StoreSpeed speed)
    {
        string program = Path.Combine(BenchServer.Root(), "bench", "StoreDouble", "bin", "Release", "net10.0", "PipeRoll.StoreDouble");
        string[] arguments =
            ["--put", speed.Put, "--get", speed.Get, "--list", speed.List, "--delete", speed.Delete, "--bytes-max", $"{6L << 30}"];
        _process = Children.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true });
        string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the store double ended before it was ready");
        Endpoint = "http://" + line.Split('=')[1];
    }

    public string Endpoint { get; }

    /// <summary>Keeps the latencies, and has that share of all requests answered with 503.</summary>
    public void SetUnavailable(StoreSpeed speed, double share)
    {
        object plan = new
        {
            put = Parse(speed.Put),
            get = Parse(speed.Get),
            list = Parse(speed.List),
            delete = Parse(speed.Delete),
            unavailable = share,
        };
        _http.PostAsJsonAsync(Endpoint + "/_faults", plan).GetAwaiter().GetResult().EnsureSuccessStatusCode();
    }

    /// <summary>What was asked since the last reset.</summary>
    public StoreStatistics Take(bool reset)
    {
        string text = _http.GetStringAsync(new Uri(Endpoint + "/_stats" + (reset ? "?reset" : ""))).GetAwaiter().GetResult();
        return JsonSerializer.Deserialize<StoreStatistics>(text, JsonSerializerOptions.Web)!;
    }

    /// <summary>The yardstick: objects of so many bytes put by a bare HTTP client, a few at a time.</summary>
    public Percentiles MeasurePuts(int bytes, int count)
    {
        const int Together = 8;
        byte[] body = new byte[bytes];
        var all = new List<double>();
        async Task PutSomeAsync(int worker)
        {
            for (int i = 0; i < count / Together; i++)
            {
                long started = Stopwatch.GetTimestamp();
                using var content = new ByteArrayContent(body);
                using HttpResponseMessage answer = await _http.PutAsync(new Uri($"{Endpoint}/yardstick/{worker}/{i}"), content);
                answer.EnsureSuccessStatusCode();
                double took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                lock (all)
                {
                    all.Add(took);
                }
            }
        }

        Task.WhenAll(Enumerable.Range(0, Together).Select(PutSomeAsync)).GetAwaiter().GetResult();
        return Percentiles.Of(all);
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _http.Dispose();
    }

    private static object Parse(string latency)
    {
        string[] parts = latency.Split('/');
        return new
        {
            p50 = double.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture),
            p99 = double.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture),
        };
    }
}

/// <summary>As the double tells it.</summary>
/// <param name="Seconds">Since the last reset.</param>
internal sealed record StoreStatistics(double Seconds, IReadOnlyList<StoreRequests> Requests)
{
    public long Count(string verb, string prefix) => Served(verb).Where(line => line.Prefix == prefix).Sum(line => line.Count);

    public long BytesIn(string verb, string prefix) => Served(verb).Where(line => line.Prefix == prefix).Sum(line => line.BytesIn);

    /// <summary>Of all PUTs, multipart uploads' parts too.</summary>
    public long BytesPut => Requests.Where(line => line.Status == 200).Sum(line => line.BytesIn);

    private IEnumerable<StoreRequests> Served(string verb) =>
        Requests.Where(line => line.Status == 200 && line.Verb.Equals(verb, StringComparison.OrdinalIgnoreCase));
}

internal sealed record StoreRequests(string Verb, string Prefix, int Status, long Count, long BytesIn, long BytesOut);
