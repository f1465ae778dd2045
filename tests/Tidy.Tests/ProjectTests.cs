using System.Xml.Linq;

namespace PipeRoll.Tidy.Tests;

/// <summary>The house stands as the design drew it: which project may see which, and how packages are named.</summary>
public sealed class ProjectTests
{
    private static readonly string[] Everything =
    [
        "Broker", "Cel", "Client", "Evidence", "Foundation", "Operations", "Policies", "Proofs", "Schemas", "Streams", "Wire", "Workflows",
    ];

    private static readonly Dictionary<string, string[]> AllowedReferences = new(StringComparer.Ordinal)
    {
        ["Foundation"] = [],
        ["Wire"] = ["Foundation", "Wire.Generator"],
        ["Client"] = ["Wire"],
        ["Wire.Generator"] = [],
        ["Streams"] = ["Foundation"],
        ["Broker"] = ["Wire", "Streams", "Schemas"],
        ["Proofs"] = [],
        ["Cel"] = [],
        ["Schemas"] = [],
        ["Evidence"] = ["Streams", "Proofs"],
        ["Policies"] = ["Cel"],
        ["Workflows"] = ["Client", "Policies", "Proofs", "Schemas"],
        ["Operations"] = ["Workflows", "Proofs"],
        ["Server"] = Everything,
        ["Cli"] = ["Operations", "Workflows", "Proofs", "Policies"],
    };

    private static readonly string[] Deterministic = ["Foundation", "Streams", "Broker", "Evidence", "Policies"];

    private static readonly string[] WithoutPackages = ["Foundation", "Cel", "Schemas"];

    public static TheoryData<string> SourceProjects => [.. Repository.Projects.Where(path => path.StartsWith("src/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void ReferencesOnlyWhatTheDesignAllows(string project)
    {
        string name = Path.GetFileNameWithoutExtension(project);
        Assert.True(AllowedReferences.ContainsKey(name), $"{name} is not a project of the design: say in an ADR why it must exist, then list it here");
        IEnumerable<string> references = Load(project).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));
        Repository.AssertNone(references.Except(AllowedReferences[name], StringComparer.Ordinal), $"{name} must not reference");
    }

    [Fact]
    public void EveryProjectOfTheDesignExists() =>
        Repository.AssertNone(AllowedReferences.Keys.Where(name => !Repository.Exists($"src/{name}/{name}.csproj")), "missing projects");

    [Theory]
    [MemberData(nameof(SourceProjects))]
    public void NoProjectIsEmpty(string project) =>
        Assert.Contains(Repository.CSharpFiles, path => path.StartsWith(Path.GetDirectoryName(project) + "/", StringComparison.Ordinal));

    [Fact]
    public void PackagesThatStandAloneStayAlone() =>
        Repository.AssertNone(
            WithoutPackages.SelectMany(name => Load($"src/{name}/{name}.csproj").Descendants("PackageReference").Select(package => $"{name}: {package}")),
            "these projects take no package");

    [Fact]
    public void WorkflowsSpeaksTheKafkaProtocolOnly()
    {
        // Design, section 2: workflows run on any Kafka-compatible cluster, so they must not see our broker or storage.
        IEnumerable<string> offences = Repository.CSharpFiles
            .Where(path => path.StartsWith("src/Workflows/", StringComparison.Ordinal) || path.StartsWith("src/Operations/", StringComparison.Ordinal))
            .Where(path => Repository.Read(path).Contains("using PipeRoll.Broker", StringComparison.Ordinal)
                || Repository.Read(path).Contains("using PipeRoll.Streams", StringComparison.Ordinal));
        Repository.AssertNone(offences, "these files reach past the Kafka protocol");
    }

    [Fact]
    public void DeterministicProjectsBanClocksAndThreadPools()
    {
        IEnumerable<string> offences = Deterministic.Where(name =>
            Load($"src/{name}/{name}.csproj").Descendants("PipeRollDeterministic").SingleOrDefault()?.Value != "true");
        Repository.AssertNone(offences, "PipeRollDeterministic must be true in");
        string banned = Repository.Read("build/BannedSymbols.txt");
        string[] symbols = ["DateTime.UtcNow", "Diagnostics.Stopwatch", "Tasks.Task.Run", "Tasks.Task.Delay", "ConfigureAwait", "ReadAllAsync", "Random.Shared", "Guid.NewGuid"];
        Repository.AssertNone(symbols.Where(symbol => !banned.Contains(symbol, StringComparison.Ordinal)), "not on the banned list");
    }

    [Fact]
    public void VersionsArePinnedCentrally()
    {
        IEnumerable<string> offences = Repository.Projects.SelectMany(project => Load(project).Descendants("PackageReference")
            .Where(package => package.Attribute("Version") is not null || package.Attribute("VersionOverride") is not null)
            .Select(package => $"{project}: {package}"));
        Repository.AssertNone(offences, "the version belongs into Directory.Packages.props");
        IEnumerable<string> floating = Load("Directory.Packages.props").Descendants("PackageVersion")
            .Where(package => package.Attribute("Version")!.Value.Contains('*', StringComparison.Ordinal)).Select(package => package.ToString());
        Repository.AssertNone(floating, "a pinned version has no *");
    }

    [Fact]
    public void EveryPinnedPackageIsUsed()
    {
        HashSet<string> used = [.. Repository.Files.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal) || path.StartsWith("Directory.Build", StringComparison.Ordinal))
            .SelectMany(path => Load(path).Descendants("PackageReference").Select(package => package.Attribute("Include")!.Value))];
        // Pinned for what others pull in: without the pin its lower bound does not restore.
        used.Add("dbup-core");
        IEnumerable<string> unused = Load("Directory.Packages.props").Descendants("PackageVersion")
            .Select(package => package.Attribute("Include")!.Value).Where(name => !used.Contains(name));
        Repository.AssertNone(unused, "pinned, but nobody references");
    }

    [Fact]
    public void EveryPackageHasItsReasonInTheAdr()
    {
        string adr = Repository.Read("docs/adr/0002-dependencies.md");
        IEnumerable<string> missing = Load("Directory.Packages.props").Descendants("PackageVersion")
            .Select(package => package.Attribute("Include")!.Value).Where(name => !adr.Contains(name, StringComparison.Ordinal));
        Repository.AssertNone(missing, "docs/adr/0002-dependencies.md does not say why");
    }

    [Fact]
    public void TheSolutionHoldsEveryProject()
    {
        string solution = Repository.Read("PipeRoll.slnx");
        Repository.AssertNone(Repository.Projects.Where(project => !solution.Contains($"\"{project}\"", StringComparison.Ordinal)), "not in PipeRoll.slnx");
    }

    private static XDocument Load(string path) => XDocument.Load(Path.Combine(Repository.Root, path));
}
