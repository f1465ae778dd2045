using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using PipeRoll.StoreDouble;
using PipeRoll.Streams.Stores;
using PipeRoll.Streams.Stores.S3;

namespace PipeRoll.Streams.Tests.Stores.S3;

/// <summary>The double keeps the contract too, or what is measured and tested over it means nothing.</summary>
public sealed class StoreDoubleTests : ObjectStoreContract, IAsyncLifetime
{
    private StoreDoubleServer _double = null!;
    private S3ObjectStore _store = null!;

    protected override IObjectStore Store => _store;

    public async ValueTask InitializeAsync()
    {
        _double = await StoreDoubleServer.StartAsync();
        var options = new S3StoreOptions { Endpoint = _double.Endpoint, Bucket = "bucket", AccessKey = "any", SecretKey = "any" };
        _store = new S3ObjectStore(options with { AttemptTimeout = TimeSpan.FromSeconds(60) }, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        _store.Dispose();
        await _double.DisposeAsync();
    }

    [Fact]
    public async Task Probing_accepts_it() =>
        Assert.Null(await new BucketProbe(Store, TimeProvider.System, Guid.NewGuid).FindProblemAsync());

    [Fact]
    public async Task Ranges_and_pages_are_as_in_a_real_store()
    {
        await Store.PutAsync("r", [new byte[] { 0, 1, 2, 3, 4 }]);
        for (int from = 0; from < 7; from++)
        {
            for (int length = 0; length < 7; length++)
            {
                byte[] expected = [.. Enumerable.Range(0, 5).Skip(from).Take(length).Select(i => (byte)i)];
                Assert.Equal(expected, await ReadAsync("r", from, length));
            }
        }

        string[] keys = [.. Enumerable.Range(0, 1100).Select(i => $"p/{i:x4}")];
        await Task.WhenAll(keys.Select(key => Store.PutAsync(key, [new byte[1]]).AsTask()));
        Assert.Equal(keys, (await Store.ListAsync("p/", "", 5000)).Select(o => o.Key));
        Assert.Equal(keys[1000..], (await Store.ListAsync("p/", keys[999], 5000)).Select(o => o.Key));
        Assert.Empty(await Store.ListAsync("p/", "q", 10));
        await Store.DeleteAsync(keys);
        Assert.Single(await Store.ListAsync("", "", 10));
    }

    [Fact]
    public async Task Requests_and_bytes_are_counted_by_verb_and_folder()
    {
        await Store.PutAsync("wal/1", [new byte[100]]);
        await Store.PutAsync("wal/2", [new byte[200]]);
        await Store.PutAsync("data/00/1", [new byte[1000]]);
        await ReadAsync("data/00/1", 10, 20);
        StatisticsReport report = _double.Statistics(reset: true);
        Assert.Contains(new StatisticsLine("put", "wal/", 200, 2, 300, 0), report.Requests);
        Assert.Contains(new StatisticsLine("put", "data/", 200, 1, 1000, 0), report.Requests);
        Assert.Contains(new StatisticsLine("get", "data/", 206, 1, 0, 20), report.Requests);
        Assert.Equal((3, 1300L), (report.Objects, report.BytesStored));
        Assert.Empty(_double.Statistics().Requests);
    }

    [Fact]
    public void Latencies_have_the_percentiles_that_were_asked_for()
    {
        var dice = new FaultDice(1) { Plan = new FaultPlan { Put = new Percentiles(60, 200) } };
        double[] drawn = [.. Enumerable.Range(0, 20_000).Select(_ => dice.Throw("put", "a").Latency.TotalMilliseconds).Order()];
        Assert.InRange(drawn[10_000], 58, 62);
        Assert.InRange(drawn[19_800], 185, 215);
        Assert.Equal(TimeSpan.Zero, dice.Throw("get", "a").Latency);
    }

    [Fact]
    public async Task As_a_process_it_is_set_and_read_over_http()
    {
        string binary = Path.Combine(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!, "PipeRoll.StoreDouble");
        using Process process = Process.Start(new ProcessStartInfo(binary, ["--put", "1/2", "--refuse", "507"]) { RedirectStandardOutput = true })!;
        try
        {
            string ready = await process.StandardOutput.ReadLineAsync() ?? "";
            Assert.StartsWith("ready http=127.0.0.1:", ready);
            using var http = new HttpClient { BaseAddress = new Uri("http://" + ready["ready http=".Length..]) };
            Assert.Equal(HttpStatusCode.InsufficientStorage, (await http.PutAsync("/b/k", new ByteArrayContent([1]))).StatusCode);
            Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync("/_faults", new FaultPlan())).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await http.PutAsync("/b/k", new ByteArrayContent([1]))).StatusCode);
            Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/_faults", new { unknown = 1 })).StatusCode);
            Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/_faults", new FaultPlan { Unavailable = 2 })).StatusCode);
            StatisticsReport? report = await http.GetFromJsonAsync<StatisticsReport>("/_stats?reset");
            Assert.Equal([200, 507], report!.Requests.Select(r => r.Status).Order());
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }
}
