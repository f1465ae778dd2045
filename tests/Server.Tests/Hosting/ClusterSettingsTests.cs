using System.Collections;
using PipeRoll.Server.Hosting;

namespace PipeRoll.Server.Tests.Hosting;

public sealed class ClusterSettingsTests
{
    private const string Whole = """
        cluster:
          node.id: 3
          rack: b
          database: Host=db;Password=very-secret
          session.ms: 5000
          balance: false
        store:
          endpoint: http://127.0.0.1:7480
          bucket: piperoll
          access.key: key-of-access
          secret.key: key-of-secret
        """;

    private readonly List<string> _problems = [];

    [Fact]
    public void WithoutASectionTheServerIsTheEmbeddedDefault() => Assert.Null(Resolve("broker:\n  num.partitions: 3\n").Cluster);

    [Fact]
    public void TheSectionsMakeABrokerOfACluster()
    {
        ServerSettings settings = Resolve(Whole);

        Assert.Empty(_problems);
        Assert.Equal((3, "b", 5000, false),
            (settings.Cluster!.Options.NodeId, settings.Cluster.Options.Rack, settings.Cluster.Options.SessionMs, settings.Cluster.Options.Balance));
        Assert.Equal((StoreKind.S3, "piperoll", "key-of-access"), (settings.Cluster.Store.Kind, settings.Cluster.Bucket!.Bucket, settings.Cluster.Bucket.AccessKey));
        Assert.Equal((3, "b"), (settings.Broker.NodeId, settings.Broker.Rack));
    }

    [Fact]
    public void VariablesReachTheSections()
    {
        SettingLayer variables = SettingLayer.FromEnvironment(new Hashtable
        {
            ["PIPEROLL_CLUSTER__NODE_ID"] = "0",
            ["PIPEROLL_CLUSTER__RACK"] = "",
            ["PIPEROLL_CLUSTER__DATABASE"] = "Host=db",
            ["PIPEROLL_STORE__KIND"] = "folder",
            ["PIPEROLL_STORE__FOLDER"] = "shared",
        });
        ServerSettings settings = ServerSettings.Resolve(ServerOptionsReader.Read([variables], _problems), _problems);

        Assert.Empty(_problems);
        Assert.Equal((0, null), (settings.Cluster!.Options.NodeId, settings.Cluster.Options.Rack));
        Assert.Equal((StoreKind.Folder, "shared"), (settings.Cluster.Store.Kind, settings.Cluster.Store.Folder));
    }

    [Fact]
    public void EverythingThatIsWrongIsSaidAtOnceWithItsLine()
    {
        Resolve("cluster:\n  node.id: -4\n  broker.heartbeat.interval.ms: 2000\n  session.ms: 3000\n  balance.dead.band: 0\n  rak: b\nstore:\n  kind: tape\n  secret.key: x\n");

        string[] expected =
        [
            "piperoll.yaml:2: cluster: node.id is -4", "cluster: database is missing", "piperoll.yaml:3: cluster: broker.heartbeat.interval.ms is 2000",
            "piperoll.yaml:5: cluster: balance.dead.band is 0", "piperoll.yaml:6: cluster: no setting is called 'rak'; did you mean 'rack'?",
            "piperoll.yaml:8: store: kind is 'tape'; give s3 or folder", "store: bucket is ''", "store: access.key and",
        ];
        Assert.All(expected, start => Assert.Contains(_problems, problem => problem.StartsWith(start, StringComparison.Ordinal)));
        Assert.Equal(expected.Length, _problems.Count);
    }

    [Fact]
    public void AStoreWithoutAClusterIsRefused()
    {
        Resolve("store:\n  bucket: b\n");

        Assert.StartsWith("piperoll.yaml:2: a section store is for a broker of a cluster", Assert.Single(_problems));
    }

    [Fact]
    public void SecretsAreNeverPrinted()
    {
        ServerSettings settings = Resolve(Whole);

        string text = $"{settings} {settings.Cluster} {settings.Cluster!.Settings} {settings.Cluster.Store} {settings.Cluster.Bucket}";
        Assert.DoesNotContain("very-secret", text);
        Assert.DoesNotContain("key-of", text);
    }

    [Fact]
    public void WhatASubsystemRefusesIsNamedWithItsLine()
    {
        Resolve("storage:\n  block.bytes: 1\nbroker:\n  num.partitions: 0\n");

        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:2: storage: block.bytes is 1: use", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:4: broker: num.partitions is 0: it must", StringComparison.Ordinal));
    }

    private ServerSettings Resolve(string yaml) =>
        ServerSettings.Resolve(ServerOptionsReader.Read([SettingLayer.FromYaml("piperoll.yaml", yaml, _problems)], _problems), _problems);
}
