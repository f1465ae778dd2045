using System.Net;
using System.Text;
using System.Text.Json;
using PipeRoll.Operations.Api;

namespace PipeRoll.Cli.Tests.Commands;

/// <summary>The verbs that talk to a server over HTTP, against a listener that answers what it is told to.</summary>
public sealed class HttpCommandTests : IDisposable
{
    private readonly AnsweringServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Status_shows_the_brokers_and_fails_while_partitions_have_no_leader()
    {
        _server.Answer("GET /api/v1/cluster", Report());
        CliResult good = await Run("cluster status");
        Assert.Equal((0, ""), (good.ExitCode, good.Error));
        Assert.Contains("cluster kfFJvXb-: controller broker 1, 12 partitions, 0 without a leader", good.Output);
        Assert.Contains("1*    7     alive  a     h1:9092  http://h1:8080  6           2.0 MiB  -      85 ms", good.Output);
        Assert.Contains("the log of broker 3 (life 5) is being recovered by broker 1", good.Output);

        _server.Answer("GET /api/v1/cluster", Report() with { Leaderless = 4 });
        CliResult bad = await Run("cluster status --output json");
        Assert.Equal(1, bad.ExitCode);
        using JsonDocument json = JsonDocument.Parse(bad.Output);
        Assert.Equal(4, json.RootElement.GetProperty("leaderless").GetInt32());
        Assert.Equal("alive", json.RootElement.GetProperty("brokers")[0].GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_move_is_asked_for_listed_and_called_off()
    {
        _server.Answer("POST /api/v1/cluster/moves", new OrderNoted("noted"));
        Assert.Equal("noted\n", (await Run("cluster move a/b/3 --to 2")).Output);
        Assert.Equal("{\"topic\":\"a/b\",\"partition\":3,\"node\":2}", _server.LastBody);
        Assert.Equal(0, (await Run("cluster move a/b/3 --cancel")).ExitCode);
        Assert.Equal("{\"topic\":\"a/b\",\"partition\":3,\"node\":null}", _server.LastBody);

        _server.Answer("GET /api/v1/cluster/moves", (object)new[] { new MoveReport("t", 1, null, 2) });
        CliResult list = await Run("cluster move");
        Assert.Equal(("TOPIC  PARTITION  FROM  TO\nt      1          -     2\n", ""), (list.Output, list.Error));
    }

    [Fact]
    public async Task Drain_waits_until_that_life_has_left()
    {
        ClusterReport report = Report();
        _server.Answer("GET /api/v1/cluster", report, report, report with { Brokers = [report.Brokers[0] with { Epoch = 9 }] });
        _server.Answer("POST /api/v1/cluster/drain", new OrderNoted("broker 1 drains"));
        CliResult result = await Run("cluster drain 1 --wait");
        Assert.Equal((0, "broker 1 drains\n"), (result.ExitCode, result.Output));
        Assert.Equal(3, _server.Count("GET /api/v1/cluster"));
    }

    [Fact]
    public async Task Balance_is_switched_or_done_now()
    {
        _server.Answer("POST /api/v1/cluster/balance", new BalanceReport(1, [new MoveReport("t", 0, 1, 2)]));
        Assert.Contains("t      0          1     2", (await Run("cluster balance now")).Output);
        Assert.Equal("balancing is off (controller: broker 1)\n", (await Run("cluster balance off --dead-band 25")).Output);
        Assert.Equal("{\"enabled\":false,\"deadBand\":0.25,\"now\":false}", _server.LastBody);
    }

    [Fact]
    public async Task An_audit_exits_with_0_when_clean_and_1_when_not()
    {
        _server.Answer("GET /api/v1/storage/audit", new AuditReport(7, 0, 0, 0, [], []));
        CliResult clean = await Run("storage audit");
        Assert.Equal((0, "7 committed objects are in order; nothing is missing, nothing is left over\n"), (clean.ExitCode, clean.Output));

        _server.Answer("POST /api/v1/storage/repair", new AuditReport(7, 0, 0, 0, [new AuditFinding("missing", "data/01/x.obj", null)], ["wal/1"]));
        CliResult repaired = await Run("storage audit --repair");
        Assert.Equal(1, repaired.ExitCode);
        Assert.Contains("1 are missing or damaged, 0 left over", repaired.Output);
        Assert.Contains("deleted 1 objects that nobody knew", repaired.Output);
        Assert.Contains("missing  data/01/x.obj", repaired.Output);
    }

    [Fact]
    public async Task The_first_address_that_answers_is_taken_and_none_exits_with_3()
    {
        _server.Answer("GET /api/v1/storage/audit", new AuditReport(1, 0, 0, 0, [], []));
        Assert.Equal(0, (await Cli.RunAsync($"storage audit --http 127.0.0.1:1,{_server.Address}")).ExitCode);
        CliResult none = await Cli.RunAsync("storage audit --http 127.0.0.1:1");
        Assert.Equal(3, none.ExitCode);
        Assert.Contains("no server answers at http://127.0.0.1:1", none.Error);
    }

    [Fact]
    public async Task What_the_server_refuses_exits_with_1_and_its_reason()
    {
        _server.Refuse("POST /api/v1/cluster/drain", HttpStatusCode.NotFound, "no live broker has the node id 9");
        _server.Answer("GET /api/v1/cluster", Report());
        CliResult result = await Run("cluster drain 9");
        Assert.Equal((1, "piperoll: the server refused: no live broker has the node id 9\n"), (result.ExitCode, result.Error));
    }

    private static ClusterReport Report() => new()
    {
        ClusterId = "kfFJvXb-",
        Mode = "cluster",
        AnsweredBy = 1,
        Controller = 1,
        Brokers = [new BrokerReport(1, 7, "alive", "h1:9092", "http://h1:8080", "a", true, false, 6, 2 * 1024 * 1024, 0, 85.2, null)],
        Partitions = 12,
        Leaderless = 0,
        Moves = [],
        Recoveries = [new RecoveryReport(3, 5, 1)],
    };

    private Task<CliResult> Run(string commandLine) => Cli.RunAsync($"{commandLine} --http {_server.Address}");

    /// <summary>Answers each request line with what it was given; the last answer stays.</summary>
    private sealed class AnsweringServer : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Dictionary<string, Queue<(HttpStatusCode Status, string Type, string Body)>> _answers = new(StringComparer.Ordinal);
        private readonly List<string> _seen = [];
        private readonly Lock _gate = new();
        private readonly Task _serving;

        public AnsweringServer()
        {
            using (var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}";
            }

            _listener.Prefixes.Add(Address + "/");
            _listener.Start();
            _serving = Serve();
        }

        public string Address { get; }

        public string LastBody { get; private set; } = "";

        public void Answer(string request, params object[] bodies)
        {
            lock (_gate)
            {
                _answers[request] = new(bodies.Select(body =>
                    (HttpStatusCode.OK, "application/json", JsonSerializer.Serialize(body, JsonSerializerOptions.Web))));
            }
        }

        public void Refuse(string request, HttpStatusCode status, string detail)
        {
            lock (_gate)
            {
                _answers[request] = new([(status, "application/problem+json", JsonSerializer.Serialize(new { detail }))]);
            }
        }

        public int Count(string request)
        {
            lock (_gate)
            {
                return _seen.Count(each => each == request);
            }
        }

        public void Dispose()
        {
            _listener.Close();
            _serving.Wait();
        }

        private async Task Serve()
        {
            while (true)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception closed) when (closed is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var reader = new StreamReader(context.Request.InputStream);
                string body = await reader.ReadToEndAsync();
                string request = $"{context.Request.HttpMethod} {context.Request.Url!.AbsolutePath}";
                (HttpStatusCode Status, string Type, string Body) answer;
                lock (_gate)
                {
                    _seen.Add(request);
                    LastBody = body.Length > 0 ? body : LastBody;
                    answer = !_answers.TryGetValue(request, out var queue) ? (HttpStatusCode.NotFound, "text/plain", "")
                        : queue.Count > 1 ? queue.Dequeue() : queue.Peek();
                }

                context.Response.StatusCode = (int)answer.Status;
                context.Response.ContentType = answer.Type;
                try
                {
                    context.Response.Close(Encoding.UTF8.GetBytes(answer.Body), willBlock: true);
                }
                catch (Exception gone) when (gone is HttpListenerException or ObjectDisposedException or InvalidOperationException)
                {
                    // The client of a test that has ended.
                }
            }
        }
    }
}
