using System.Net;
using PipeRoll.Broker.Cluster;
using PipeRoll.Operations.Api;
using PipeRoll.Server.Http;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Tests.Http;

/// <summary>The endpoints on a real port, asked by the client that the command line uses.</summary>
public sealed class ClusterEndpointTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TheReportSaysWhoLeadsAndWhoIsRecovered()
    {
        ClusterStatus status = Status() with
        {
            Recoveries = [new RecoveryStatus(new BrokerEpoch(5), 3, new BrokerEpoch(7)), new RecoveryStatus(new BrokerEpoch(6), 4, BrokerEpoch.None)],
            Moves = [new PartitionMove("t", 1, -1, 2)],
        };
        await using TestServer server = await TestServer.StartAsync(new FakeControl(status));

        ClusterReport report = await server.Api.ClusterAsync(Stop);

        Assert.Equal(("cluster", 1, 1, 4, 2), (report.Mode, report.AnsweredBy, report.Controller, report.Partitions, report.Leaderless));
        Assert.Equal([new RecoveryReport(3, 5, 1), new RecoveryReport(4, 6, null)], report.Recoveries);
        Assert.Equal([new MoveReport("t", 1, null, 2)], report.Moves);
        Assert.Equal(report.Moves, await server.Api.MovesAsync(Stop));
        BrokerReport first = report.Brokers[0];
        Assert.Equal((1, 7L, "alive", "h1:9092", "a", true, false, 3), (first.NodeId, first.Epoch, first.State, first.Kafka, first.Rack, first.IsController, first.IsExcluded, first.Partitions));
        Assert.Equal(DateTimeOffset.FromUnixTimeMilliseconds(1_000), first.LeaseUntil);
        Assert.Equal(("fenced", false, true), (report.Brokers[2].State, report.Brokers[2].IsController, report.Brokers[2].IsExcluded));
    }

    [Fact]
    public async Task OrdersReachTheMoverWithTheirPrincipal()
    {
        var control = new FakeControl(Status());
        await using TestServer server = await TestServer.StartAsync(control);

        OrderNoted noted = await server.Api.MoveAsync(new MoveOrder("t", 1, 2), Stop);
        await server.Api.MoveAsync(new MoveOrder("t", 1, null), Stop);
        await server.Api.DrainAsync(new DrainOrder(2), Stop);

        Assert.Equal("t/1 is to be led by broker 2", noted.What);
        Assert.Equal(["http:127.0.0.1 moves t/1 to 2", "http:127.0.0.1 moves t/1 to nobody", "http:127.0.0.1 drains 2"], control.Done);
    }

    [Theory]
    [InlineData(MoveOutcome.UnknownPartition, HttpStatusCode.NotFound, "there is no partition t/1")]
    [InlineData(MoveOutcome.UnknownBroker, HttpStatusCode.Conflict, "no broker with the node id 2 is alive")]
    [InlineData(MoveOutcome.NoMove, HttpStatusCode.Conflict, "t/1 is not being moved")]
    [InlineData(MoveOutcome.Unavailable, HttpStatusCode.ServiceUnavailable, "the database can't be reached now")]
    [InlineData(MoveOutcome.NoCluster, HttpStatusCode.Conflict, "this server is alone")]
    public async Task WhatCannotBeDoneIsAProblemWithItsReason(MoveOutcome outcome, HttpStatusCode status, string reason)
    {
        await using TestServer server = await TestServer.StartAsync(new FakeControl(Status()) { Outcome = outcome });

        ServerRefusedException refused = await Assert.ThrowsAsync<ServerRefusedException>(() => server.Api.MoveAsync(new MoveOrder("t", 1, 2), Stop));

        Assert.Equal(status, refused.Status);
        Assert.Contains(reason, refused.Message);
    }

    [Fact]
    public async Task BalanceIsOrderedAtTheControllerWhoeverIsAsked()
    {
        var controller = new FakeControl(Status());
        await using TestServer at = await TestServer.StartAsync(controller);
        ClusterStatus seen = Status();
        BrokerRecord leader = seen.Brokers[0].Record;
        ClusterBrokerStatus first = seen.Brokers[0] with { Record = leader with { Endpoint = leader.Endpoint with { HttpAddress = at.Address } } };
        var other = new FakeControl(seen with { NodeId = 2, Brokers = [first, .. seen.Brokers.Skip(1)] });
        await using TestServer asked = await TestServer.StartAsync(other);

        BalanceReport report = await asked.Api.BalanceAsync(new BalanceOrder(false, 0.3, Now: true), Stop);

        Assert.Equal((1, new MoveReport("t", 0, 1, 2)), (report.Controller, Assert.Single(report.Moves)));
        Assert.Equal(["balance False 0.3", "http:127.0.0.1 balances now"], controller.Done);
        Assert.Empty(other.Done);
        ServerRefusedException wrong = await Assert.ThrowsAsync<ServerRefusedException>(() => at.Api.BalanceAsync(new BalanceOrder(DeadBand: 0), Stop));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.Status);
    }

    [Fact]
    public async Task WhileOneBrokerStartsAnotherIsAsked()
    {
        await using TestServer starting = await TestServer.StartAsync(new StartingControl());
        await using TestServer serving = await TestServer.StartAsync(new FakeControl(Status()));

        ServerRefusedException alone = await Assert.ThrowsAsync<ServerRefusedException>(() => starting.Api.ClusterAsync(Stop));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, alone.Status);
        using var both = new ServerApi($"{starting.Address},{serving.Address}");
        Assert.Equal(4, (await both.ClusterAsync(Stop)).Partitions);
    }

    [Fact]
    public async Task AServerThatIsAloneTakesNoOrders()
    {
        await using TestServer server = await TestServer.StartAsync(new AloneControl());

        foreach (Func<Task> order in (Func<Task>[])
        [
            () => server.Api.MoveAsync(new MoveOrder("t", 0, 1), Stop), () => server.Api.DrainAsync(new DrainOrder(1), Stop),
            () => server.Api.BalanceAsync(new BalanceOrder(true), Stop),
        ])
        {
            Assert.Equal(HttpStatusCode.Conflict, (await Assert.ThrowsAsync<ServerRefusedException>(order)).Status);
        }
    }

    [Fact]
    public async Task AnAuditRunsOnceAtATimeAndARepairOnlyWithABody()
    {
        var gate = new TaskCompletionSource<AuditReport>(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = await TestServer.StartAsync(new AloneControl(), (isRepair, _) =>
        {
            begun.TrySetResult();
            return isRepair ? throw new ObjectStoreException(ObjectStoreErrorKind.Transient, "the store is away") : new(gate.Task);
        });
        Task<AuditReport> audit = server.Api.AuditAsync(Stop);
        await begun.Task;
        Assert.Equal(HttpStatusCode.Conflict, (await Assert.ThrowsAsync<ServerRefusedException>(() => server.Api.AuditAsync(Stop))).Status);
        gate.SetResult(new AuditReport(1, 0, 0, 0, [new AuditFinding("orphan", "data/x", null)], []));
        Assert.False((await audit).IsClean);

        ServerRefusedException away = await Assert.ThrowsAsync<ServerRefusedException>(() => server.Api.RepairAsync(Stop));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "the audit could not be done: the store is away"), (away.Status, away.Message));
        using var http = new HttpClient();
        using HttpResponseMessage form = await http.PostAsync(new Uri(server.Address + "/api/v1/storage/repair"), new FormUrlEncodedContent([]), Stop);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.StatusCode);
    }

    private static ClusterStatus Status() => new(
        1, new BrokerEpoch(7), 1, [Broker(1, 7, BrokerState.Alive, 3), Broker(2, 8, BrokerState.Draining, 1), Broker(3, 5, BrokerState.Fenced, 0)],
        4, 2, [], [], null, null);

    private static ClusterBrokerStatus Broker(int node, long epoch, BrokerState state, int partitions) => new(
        new BrokerRecord(
            new BrokerEpoch(epoch), new BrokerEndpoint(node, $"h{node}", 9092, $"http://h{node}:8080", "a"), state, 1_000, BrokerEpoch.None, 0,
            new BrokerLoad(1, 2, 3), node == 3),
        partitions);

    private sealed class StartingControl : IClusterControl
    {
        public IClusterOrders? Orders => null;

        public ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation) => new((ClusterReport?)null);
    }

    private sealed class AloneControl : IClusterControl
    {
        public IClusterOrders? Orders => null;

        public ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation) => new(ClusterReports.Of(Status(), "c"));
    }

    private sealed class FakeControl(ClusterStatus status) : IClusterControl, IClusterOrders, IPartitionMover
    {
        public MoveOutcome Outcome { get; init; } = MoveOutcome.Accepted;

        public List<string> Done { get; } = [];

        public IClusterOrders Orders => this;

        public IPartitionMover Mover => this;

        public IReadOnlyList<PartitionMove> UnderWay => status.Moves;

        public ValueTask<ClusterReport?> ReportAsync(CancellationToken cancellation) => new(ClusterReports.Of(status, "c"));

        public ValueTask<IReadOnlyList<MoveOutcome>> RequestAsync(
            string principal, IReadOnlyList<MoveRequest> requests, CancellationToken cancellation = default)
        {
            Done.AddRange(requests.Select(request => $"{principal} moves {request.Topic}/{request.Partition} to {request.NodeId?.ToString() ?? "nobody"}"));
            return new([.. requests.Select(_ => Outcome)]);
        }

        public ValueTask<DrainOutcome> DrainAsync(string principal, int nodeId, CancellationToken cancellation)
        {
            Done.Add($"{principal} drains {nodeId}");
            return new(DrainOutcome.Accepted);
        }

        public void ConfigureBalance(bool? enabled, double? deadBand) => Done.Add($"balance {enabled} {deadBand}");

        public ValueTask<IReadOnlyList<PartitionMove>> BalanceNowAsync(string principal, CancellationToken cancellation)
        {
            Done.Add($"{principal} balances now");
            return new([new PartitionMove("t", 0, 1, 2)]);
        }
    }
}
