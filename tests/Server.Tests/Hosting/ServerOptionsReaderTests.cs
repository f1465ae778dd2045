using System.Collections;
using System.Net;
using PipeRoll.Server.Hosting;

namespace PipeRoll.Server.Tests.Hosting;

public sealed class ServerOptionsReaderTests
{
    private readonly List<string> _problems = [];

    [Fact]
    public void DefaultsListenOnLoopbackAndAdvertiseLocalhost()
    {
        ServerOptions options = Read();

        Assert.Equal(IPAddress.Loopback, options.Listen);
        Assert.Equal("localhost", options.AdvertisedHost);
        Assert.Equal((9092, 8080), (options.KafkaPort, options.HttpPort));
        Assert.Empty(_problems);
    }

    [Fact]
    public void FlagsBeatVariablesAndVariablesBeatTheFile()
    {
        SettingLayer file = Yaml("kafka-port: 1\nhttp-port: 2\nadvertise: file");
        SettingLayer variables = SettingLayer.FromEnvironment(new Hashtable { ["PIPEROLL_HTTP_PORT"] = "3", ["PIPEROLL_ADVERTISE"] = "variable", ["PATH"] = "/bin" });
        SettingLayer flags = SettingLayer.FromFlags([("advertise", "flag"), ("data", null)]);

        ServerOptions options = Read(file, variables, flags);

        Assert.Equal((1, 3, "flag"), (options.KafkaPort, options.HttpPort, options.AdvertisedHost));
        Assert.Empty(_problems);
    }

    [Fact]
    public void SectionsReachTheirSubsystems()
    {
        SettingLayer variables = SettingLayer.FromEnvironment(new Hashtable { ["PIPEROLL_BROKER__NUM_PARTITIONS"] = "7" });
        ServerOptions options = Read(Yaml("storage:\n  upload.bytes: 1048576\nbroker:\n  num.partitions: 3\n"), variables);

        Assert.Equal("7", options.Broker["num.partitions"].Value);
        Assert.Equal("1048576", options.Storage["upload.bytes"].Value);
    }

    [Fact]
    public void EveryProblemIsNamedWithItsLine()
    {
        Read(Yaml("kafka-port: 70000\nlissten: 1.2.3.4\nlisten: here\nadvertise: ''\nlog-format: xml\ntags: [a]\n"));

        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:1: kafka-port is '70000'", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:2: no setting is called 'lissten'", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:3: listen is 'here'", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("advertise: ''", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:5: log-format is 'xml'", StringComparison.Ordinal));
        Assert.Contains(_problems, problem => problem.StartsWith("piperoll.yaml:6: 'tags'", StringComparison.Ordinal));
        Assert.Equal(6, _problems.Count);
    }

    [Fact]
    public void BrokenYamlIsNamedWithItsLine()
    {
        Yaml("kafka-port: 1\n  listen: [\n");

        Assert.StartsWith("piperoll.yaml:2: not valid YAML", Assert.Single(_problems));
    }

    [Fact]
    public void OnePortForTwoListenersIsRefused()
    {
        Read(SettingLayer.FromFlags([("kafka-port", "9000"), ("http-port", "9000")]));

        Assert.Contains("two different ports", Assert.Single(_problems));
    }

    private ServerOptions Read(params SettingLayer[] layers) => ServerOptionsReader.Read(layers, _problems);

    private SettingLayer Yaml(string text) => SettingLayer.FromYaml("piperoll.yaml", text, _problems);
}
