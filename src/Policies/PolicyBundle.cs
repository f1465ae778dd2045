using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Model;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies;

/// <summary>
/// One version of a policy, checked and compiled, with the lists it is pinned to. Owner: whoever parsed it; immutable, so the engines
/// of many partitions share one.
/// </summary>
public sealed class PolicyBundle
{
    private readonly byte[] _canonical;

    private PolicyBundle(PolicySource source, PolicyModel model, CompiledPolicy compiled)
    {
        Source = source;
        Model = model;
        Compiled = compiled;
        _canonical = PolicyCanonicalForm.BytesOf(model);
        HashBytes = PolicyCanonicalForm.HashOf(_canonical);
        Hash = Convert.ToHexStringLower(HashBytes);
        Rules = [.. model.Rules.Select(rule => rule.Value)];
        Windows = [.. model.Windows.Select(window => window.Value)];
        Outcomes = OutcomesOf(model);
    }

    /// <summary>What the policy was made from: parse it again to get the same bundle.</summary>
    public PolicySource Source { get; }

    /// <summary>The policy's name.</summary>
    public string Name => Model.Name;

    /// <summary>The version that its author gave it.</summary>
    public string Version => Model.Version;

    /// <summary>What it is for.</summary>
    public string Description => Model.Description;

    /// <summary>SHA-256 in hexadecimal over <see cref="CanonicalBytes"/>: equal hashes, equal decisions.</summary>
    public string Hash { get; }

    /// <summary>The canonical form (docs/formats/policy-bundle.md): rules, windows, lists by hash, outcomes.</summary>
    public ReadOnlyMemory<byte> CanonicalBytes => _canonical;

    /// <summary>What the events look like.</summary>
    public EventSchema Event => Model.Event!;

    /// <summary>The lists, with versions and hashes, in the order of the file.</summary>
    public IReadOnlyList<PolicyList> Lists => Model.Lists;

    /// <summary>The windows in the order of the file.</summary>
    public IReadOnlyList<PolicyWindow> Windows { get; }

    /// <summary>The rules in the order of the file.</summary>
    public IReadOnlyList<PolicyRule> Rules { get; }

    /// <summary>
    /// What each rule's condition costs at most, in the order of <see cref="Rules"/>: units of <see cref="Cel.CelLimits.EvaluationBudget"/>, for values
    /// of the sizes that are declared or assumed. Together they are what a decision can cost beyond reading, windows and record.
    /// </summary>
    public IReadOnlyList<long> RuleCosts => [.. Compiled.Rules.Select(rule => rule.When.WorstCost.Worst)];

    /// <summary>From which score on which outcome, by rising score.</summary>
    public IReadOnlyList<PolicyThreshold> Thresholds => Model.Thresholds;

    /// <summary>What is decided when there is an error.</summary>
    public PolicyFallback Fallback => Model.Fallback;

    /// <summary>What becomes of held events about which nobody says anything; null: they are held for ever.</summary>
    public PolicyHolds? Holds => Model.Holds;

    /// <summary>Where events go by outcome; an outcome that is not there goes nowhere.</summary>
    public IReadOnlyDictionary<Outcome, PolicyRoute> Routes => Model.Routes;

    /// <summary>The outcomes that this policy can produce, by precedence, the mildest first.</summary>
    public IReadOnlyList<Outcome> Outcomes { get; }

    internal PolicyModel Model { get; }

    internal CompiledPolicy Compiled { get; }

    internal byte[] HashBytes { get; }

    /// <summary>Reads and checks a policy without touching the disk.</summary>
    /// <exception cref="PolicyException">Everything that is wrong with it, with line, column and what to write instead.</exception>
    public static PolicyBundle Parse(PolicySource source)
    {
        var problems = new ProblemList(source.FileName);
        PolicyModel? model = PolicyFileReader.Read(source, problems);
        CompiledPolicy? compiled = model?.Event is null ? null : PolicyCompiler.Compile(model, source, problems);
        problems.ThrowIfAny();
        return new PolicyBundle(source, model!, compiled!);
    }

    /// <summary>Reads a policy file and the list files beside it.</summary>
    /// <exception cref="PolicyException">As <see cref="Parse"/>; a list file that is not there is one of the problems.</exception>
    /// <exception cref="IOException">The policy file itself cannot be read.</exception>
    public static PolicyBundle Load(string path)
    {
        string yaml = File.ReadAllText(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var files = new Dictionary<string, ReadOnlyMemory<byte>>();
        foreach (string name in ListSectionReader.FileNames(YamlTree.Read(yaml, new ProblemList(path))))
        {
            string file = Path.Combine(folder, name);
            if (File.Exists(file))
            {
                files[name] = File.ReadAllBytes(file);
            }
        }
        return Parse(new PolicySource(path, yaml, files));
    }

    /// <summary>The same policy over another version of one of its lists.</summary>
    /// <exception cref="PolicyException">The policy has no such list.</exception>
    public PolicyBundle WithList(string name, ListDocument document)
    {
        if (Lists.All(list => list.Name != name))
        {
            string hint = Suggestion.For(name, [.. Lists.Select(list => list.Name)], "lists");
            throw new PolicyException([new PolicyProblem(Source.FileName, 1, 1, $"the policy has no list '{name}'", hint)]);
        }
        var documents = new Dictionary<string, ListDocument>(Source.ListDocuments) { [name] = document };
        return Parse(Source with { ListDocuments = documents });
    }

    private static Outcome[] OutcomesOf(PolicyModel model)
    {
        IEnumerable<Outcome> asked = model.Rules.Select(rule => rule.Value.Outcome ?? Outcome.Allow);
        IEnumerable<Outcome> scored = model.Thresholds.Select(threshold => threshold.Outcome);
        return [.. asked.Concat(scored).Append(model.Fallback.Outcome).Append(Outcome.Allow).Distinct().Order()];
    }
}
