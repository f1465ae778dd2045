using System.Net;
using System.Net.Sockets;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>
/// A network namespace for one broker, with three cables to the outside: one for clients, one to the store, one to the database. Each of
/// the latter two can be pulled out by itself; packets then vanish, as with a broken switch, and connections hang instead of ending.
/// </summary>
/// <remarks>
/// Needs root and iproute2. Store and database listen on loopback alone, so a relay stands at the outer end of their cables.
/// </remarks>
internal sealed class CutNetwork : IAsyncDisposable
{
    // Addresses that documentation and tests may use (RFC 2544, benchmarking); the first number of ours is the process's, more or less.
    private static readonly int First = Environment.ProcessId % 200;
    private readonly string _name = $"piperoll{Environment.ProcessId}";
    private readonly List<IAsyncDisposable> _relays = [];
    private bool _isThere;

    private CutNetwork()
    {
    }

    private enum Cable
    {
        Clients = 1,
        Store = 2,
        Database = 3,
    }

    /// <summary>For the broker.</summary>
    public ServerPlace Place { get; private set; } = ServerPlace.Here;

    /// <summary>Makes the namespace; the place's settings lead to the store and the database over their cables.</summary>
    /// <param name="connection">Of the database, in Npgsql's form; its host and port are replaced.</param>
    public static async Task<CutNetwork> MakeAsync(Uri store, string connection)
    {
        Assert.True(Environment.UserName == "root", "this test makes network namespaces, which root alone may: run it as root");
        var network = new CutNetwork();
        try
        {
            await network.MakeCablesAsync();
            int storePort = network.Relay(Cable.Store, store.Port);
            var parts = connection.Split(';').Select(part => part.Split('=', 2)).Where(pair => pair.Length == 2).ToDictionary(
                pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase);
            int databasePort = network.Relay(Cable.Database, int.Parse(parts["Port"]));
            parts["Host"] = Outside(Cable.Database);
            parts["Port"] = $"{databasePort}";
            network.Place = new ServerPlace(Inside(Cable.Clients))
            {
                Prefix = ["ip", "netns", "exec", network._name],
                Environment = new Dictionary<string, string> { ["NO_PROXY"] = "*" },
                Settings =
                [
                    $"store/endpoint=http://{Outside(Cable.Store)}:{storePort}",
                    $"cluster/database={string.Join(';', parts.Select(part => $"{part.Key}={part.Value}"))}",
                ],
            };
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    public Task CutStoreAsync() => SetAsync(Cable.Store, "down");

    public Task MendStoreAsync() => SetAsync(Cable.Store, "up");

    public Task CutDatabaseAsync() => SetAsync(Cable.Database, "down");

    public Task MendDatabaseAsync() => SetAsync(Cable.Database, "up");

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable relay in _relays)
        {
            await relay.DisposeAsync();
        }

        if (_isThere)
        {
            // The cables go with it.
            await IpAsync("netns", "delete", _name);
        }
    }

    private static string Outside(Cable cable) => $"198.18.{First + (int)cable}.1";

    private static string Inside(Cable cable) => $"198.18.{First + (int)cable}.2";

    private static async Task IpAsync(params string[] arguments) => (await Command.RunAsync("ip", arguments)).Succeeded();

    // 15 characters at most.
    private static string Device(Cable cable) => $"pr{Environment.ProcessId % 1_000_000}-{(int)cable}";

    private async Task MakeCablesAsync()
    {
        await IpAsync("netns", "add", _name);
        _isThere = true;
        await IpAsync("-n", _name, "link", "set", "lo", "up");
        foreach (Cable cable in Enum.GetValues<Cable>())
        {
            string device = Device(cable);
            await IpAsync("link", "add", device, "type", "veth", "peer", "name", "in", "netns", _name);
            await IpAsync("-n", _name, "link", "set", "in", "name", $"in-{(int)cable}");
            await IpAsync("address", "add", $"{Outside(cable)}/24", "dev", device);
            await IpAsync("-n", _name, "address", "add", $"{Inside(cable)}/24", "dev", $"in-{(int)cable}");
            await IpAsync("link", "set", device, "up");
            await IpAsync("-n", _name, "link", "set", $"in-{(int)cable}", "up");
        }
    }

    // The outer end alone: the broker's own interface stays up, and it is told nothing.
    private Task SetAsync(Cable cable, string state) => IpAsync("link", "set", Device(cable), state);

    private int Relay(Cable cable, int port)
    {
        var relay = new Relay(new IPEndPoint(IPAddress.Parse(Outside(cable)), 0), new IPEndPoint(IPAddress.Loopback, port));
        _relays.Add(relay);
        return relay.Port;
    }
}
