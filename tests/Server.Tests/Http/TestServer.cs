using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using PipeRoll.Operations.Api;
using PipeRoll.Server.Http;

namespace PipeRoll.Server.Tests.Http;

/// <summary>The endpoints on a free loopback port.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _web;

    private TestServer(WebApplication web)
    {
        _web = web;
        Address = web.Urls.First();
        Api = new ServerApi(Address);
    }

    public string Address { get; }

    public ServerApi Api { get; }

    public static async Task<TestServer> StartAsync(
        IClusterControl control, Func<bool, CancellationToken, ValueTask<AuditReport>>? audit = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication web = builder.Build();
        ClusterEndpoints.Map(web, control);
        StorageEndpoints.Map(web, audit ?? ((_, _) => new(new AuditReport(0, 0, 0, 0, [], []))));
        await web.StartAsync();
        return new TestServer(web);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await _web.DisposeAsync();
    }
}
