namespace PipeRoll.Servers;

/// <summary>A real S3 server for tests: a Ceph RADOS Gateway on free loopback ports, gone with its data when disposed.</summary>
public sealed class RgwServer : IAsyncDisposable
{
    private readonly ServerScript _script = new("rgw.sh");

    private RgwServer()
    {
    }

    /// <summary>Such as <c>http://127.0.0.1:23456</c>; the same after a restart.</summary>
    public string Endpoint { get; private set; } = "";

    public string AccessKey { get; private set; } = "";

    public string SecretKey { get; private set; } = "";

    public string Region { get; private set; } = "";

    /// <summary>Starts one; takes about ten seconds.</summary>
    public static async Task<RgwServer> StartAsync()
    {
        var server = new RgwServer();
        try
        {
            server.Read(await server._script.FirstAsync("up", "-p", "0"));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an ordinary bucket: unversioned, without Object Lock.</summary>
    public Task CreateBucketAsync(string bucket) => _script.RunAsync("bucket", bucket);

    /// <summary>All buckets together may hold so much: writing beyond it is answered with 403 <c>QuotaExceeded</c>. Null lifts that.</summary>
    public Task SetQuotaAsync(long? bytes) => _script.RunAsync("quota", bytes is { } max ? $"{max}" : "off");

    /// <summary>Ends it in order; its data stay for <see cref="StartAgainAsync"/>.</summary>
    public Task StopAsync() => _script.RunAsync("down");

    /// <summary>kill -9 of the gateway and what is below it.</summary>
    public Task KillAsync() => _script.RunAsync("kill");

    public Task StartAgainAsync() => _script.RunAsync("up");

    public async ValueTask DisposeAsync()
    {
        // Its data go anyway, and an orderly end takes it seconds.
        await _script.RunAsync("kill");
        await _script.DisposeAsync();
    }

    private void Read(string printed)
    {
        Dictionary<string, string> settings = printed.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1].Trim());
        Endpoint = settings["S3_ENDPOINT"];
        AccessKey = settings["S3_ACCESS_KEY"];
        SecretKey = settings["S3_SECRET_KEY"];
        Region = settings["S3_REGION"];
    }
}
