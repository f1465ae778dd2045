using System.Collections;
using System.Globalization;
using System.Text.RegularExpressions;
using PipeRoll.Server.Hosting;
using YamlDotNet.RepresentationModel;

namespace PipeRoll.Server.Tests.Deploy;

/// <summary>What lies in deploy/ and samples/cluster fits together, and fits this server.</summary>
public sealed partial class DeployTests
{
    private readonly List<string> _problems = [];

    [Fact]
    public void TheSampleIsASetOfSettingsThatTheServerTakes()
    {
        ServerSettings settings = Resolve(Checkout.Read("samples/cluster/piperoll.yaml"), new Hashtable
        {
            ["PIPEROLL_CLUSTER__NODE_ID"] = "1",
            ["PIPEROLL_CLUSTER__DATABASE"] = "Host=db",
            ["PIPEROLL_STORE__ENDPOINT"] = "http://127.0.0.1:1",
            ["PIPEROLL_STORE__ACCESS_KEY"] = "a",
            ["PIPEROLL_STORE__SECRET_KEY"] = "s",
        });

        Assert.Empty(_problems);
        Assert.NotNull(settings.Cluster);
    }

    [Fact]
    public void TheSampleMentionsOnlySettingsThatThereAre()
    {
        string section = "";
        foreach (string line in Checkout.Read("samples/cluster/piperoll.yaml").Split('\n'))
        {
            section = SectionLine().Match(line) is { Success: true } begun ? begun.Groups[1].Value : section;
            if (SettingLine().Match(line) is { Success: true } setting)
            {
                Assert.Contains(setting.Groups[1].Value, ServerSettings.Names(section));
            }
        }
    }

    [Fact]
    public void TheStatefulSetGivesEachBrokerSettingsThatTheServerTakes()
    {
        YamlMappingNode container = Container();
        string file = ((YamlScalarNode)Manifest("ConfigMap")["data"]["piperoll.yaml"]).Value!;
        var variables = new Hashtable();
        foreach (YamlMappingNode variable in ((YamlSequenceNode)container["env"]).Cast<YamlMappingNode>())
        {
            string name = variable["name"].ToString();
            variables[name] = name.EndsWith("NODE_ID", StringComparison.Ordinal) ? "2" : "given";
        }

        ServerSettings settings = Resolve(file, variables);

        Assert.Empty(_problems);
        Assert.Equal((2, "given", "given"), (settings.Cluster!.Options.NodeId, settings.Cluster.Options.Rack, settings.Cluster.Settings.Database));
        int grace = int.Parse(PodSpec()["terminationGracePeriodSeconds"].ToString(), CultureInfo.InvariantCulture);
        Assert.True(grace * 1000 >= settings.Cluster.Options.DrainMs + 30_000, "a drain needs its time");
        Assert.Equal([$"{settings.Server.KafkaPort}", $"{settings.Server.HttpPort}"],
            ((YamlSequenceNode)container["ports"]).Select(port => port["containerPort"].ToString()));
    }

    [Fact]
    public void EveryReferenceBetweenTheManifestsHoldsGood()
    {
        YamlMappingNode set = Manifest("StatefulSet");
        string labels = set["spec"]["template"]["metadata"]["labels"].ToString();
        Assert.Equal(labels, set["spec"]["selector"]["matchLabels"].ToString());
        Assert.Equal(labels, Manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].ToString());
        Assert.All((YamlSequenceNode)PodSpec()["topologySpreadConstraints"], spread => Assert.Equal(labels, spread["labelSelector"]["matchLabels"].ToString()));
        string[] ports = [.. ((YamlSequenceNode)Container()["ports"]).Select(port => port["name"].ToString())];
        YamlMappingNode[] services = [.. Manifests().Where(manifest => manifest["kind"].ToString() == "Service")];
        Assert.Equal(2, services.Length);
        foreach (YamlMappingNode service in services)
        {
            Assert.Equal(labels, service["spec"]["selector"].ToString());
            Assert.All((YamlSequenceNode)service["spec"]["ports"], port => Assert.Contains(port["targetPort"].ToString(), ports));
        }

        YamlMappingNode headless = Assert.Single(services, service => ((YamlMappingNode)service["spec"]).Children.ContainsKey("clusterIP"));
        Assert.Equal(set["spec"]["serviceName"].ToString(), headless["metadata"]["name"].ToString());
        Assert.Contains(
            $"$(POD_NAME).{headless["metadata"]["name"]}.$(POD_NAMESPACE).svc",
            ((YamlSequenceNode)Container()["env"]).Single(variable => variable["name"].ToString() == "PIPEROLL_ADVERTISE")["value"].ToString());
        Assert.All(
            new[] { "startupProbe", "livenessProbe", "readinessProbe" },
            probe => Assert.Contains(Container()[probe]["httpGet"]["port"].ToString(), ports));
        string[] volumes = [.. ((YamlSequenceNode)PodSpec()["volumes"]).Select(volume => volume["name"].ToString())];
        Assert.All((YamlSequenceNode)Container()["volumeMounts"], mount => Assert.Contains(mount["name"].ToString(), volumes));
    }

    [Fact]
    public void SecretsAreReferredToAndNamedInTheHead()
    {
        string text = Checkout.Read("deploy/kubernetes/piperoll.yaml");
        MatchCollection keys = SecretKey().Matches(text);
        Assert.Equal(3, keys.Count);
        Assert.All(keys, key => Assert.Contains($"--from-literal={key.Groups[1].Value}=", text));
        Assert.DoesNotContain("Password=", Regex.Replace(text, "(?m)^#.*$", ""));
    }

    [Fact]
    public void TheUnitKnowsTheServersExitCodesAndTimes()
    {
        string unit = Checkout.Read("deploy/systemd/piperoll@.service");
        Assert.Contains($"RestartForceExitStatus={ServerExitCode.Fenced}\n", unit);
        Assert.Contains($"RestartPreventExitStatus={ServerExitCode.WrongSettings}\n", unit);
        int stop = int.Parse(Regex.Match(unit, @"(?m)^TimeoutStopSec=(\d+)$").Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.True(stop * 1000 >= new Broker.Cluster.ClusterOptions().DrainMs + 30_000, "a drain needs its time");
        foreach (Match variable in Variable().Matches(unit))
        {
            SettingLayer layer = SettingLayer.FromEnvironment(new Hashtable { [variable.Value] = "1" });
            string[] name = layer.Values.Keys.Single().Split('/');
            Assert.Contains(name[1], ServerSettings.Names(name[0]));
        }
    }

    [Fact]
    public void TheContainerfileCopiesWhatThereIs()
    {
        string text = Checkout.Read("deploy/Containerfile");
        string[] copied = [.. CopyLine().Matches(text).SelectMany(line => line.Groups[1].Value.Split(' ')[..^1])];
        Assert.Contains("src", copied);
        Assert.All(copied, path => Assert.True(Checkout.Exists(path), $"COPY {path}: there is no such file or folder"));
        Assert.All(
            Regex.Matches(text, @"dotnet publish (\S+)"), published => Assert.True(Checkout.Exists(published.Groups[1].Value), published.Value));
        // What the projects import from the root is copied too.
        Assert.All(Directory.GetFiles(Checkout.Root, "Directory.*"), file => Assert.Contains(Path.GetFileName(file), copied));
    }

    private static YamlMappingNode[] Manifests()
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(Checkout.Read("deploy/kubernetes/piperoll.yaml")));
        YamlMappingNode[] all = [.. yaml.Documents.Select(document => (YamlMappingNode)document.RootNode)];
        Assert.All(all, manifest => Assert.True(
            manifest["apiVersion"].ToString().Length > 0 && manifest["kind"].ToString().Length > 0 && manifest["metadata"]["name"].ToString().Length > 0));
        return all;
    }

    private static YamlMappingNode Manifest(string kind) => Manifests().Single(manifest => manifest["kind"].ToString() == kind);

    private static YamlNode PodSpec() => Manifest("StatefulSet")["spec"]["template"]["spec"];

    private static YamlMappingNode Container() => (YamlMappingNode)((YamlSequenceNode)PodSpec()["containers"]).Single();

    private ServerSettings Resolve(string yaml, Hashtable variables) => ServerSettings.Resolve(
        ServerOptionsReader.Read([SettingLayer.FromYaml("piperoll.yaml", yaml, _problems), SettingLayer.FromEnvironment(variables)], _problems), _problems);

    [GeneratedRegex(@"^([a-z]+):\s*(?:#.*)?$")]
    private static partial Regex SectionLine();

    [GeneratedRegex(@"^  (?:# )?([a-z]+(?:\.[a-z]+)*): ")]
    private static partial Regex SettingLine();

    [GeneratedRegex(@"secretKeyRef: \{ name: piperoll, key: ([a-z-]+) \}")]
    private static partial Regex SecretKey();

    [GeneratedRegex("PIPEROLL_[A-Z_]+")]
    private static partial Regex Variable();

    [GeneratedRegex(@"(?m)^COPY (?!--from)(.+)$")]
    private static partial Regex CopyLine();
}
