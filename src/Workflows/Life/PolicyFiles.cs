using System.Text;
using PipeRoll.Policies;
using PipeRoll.Policies.Reading;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Life;

/// <summary>The files that a version is made of, as they were handed in: the policy, its lists, its cases. Immutable.</summary>
/// <param name="Policy">The policy's text.</param>
/// <param name="Lists">By the names that the policy uses.</param>
/// <param name="Cases">JSON Lines of <see cref="PolicyCase"/>; null for none.</param>
public sealed record PolicyFiles(string Policy, IReadOnlyDictionary<string, byte[]> Lists, string? Cases)
{
    public const string PolicyName = "policy.yaml";
    public const string CasesName = "cases.jsonl";
    private const string ListFolder = "lists/";

    /// <summary>Every file by a name under which it is stored.</summary>
    public IEnumerable<(string Name, byte[] Bytes)> All =>
    [
        (PolicyName, Encoding.UTF8.GetBytes(Policy)),
        .. Cases is null ? Array.Empty<(string, byte[])>() : [(CasesName, Encoding.UTF8.GetBytes(Cases))],
        .. Lists.OrderBy(static list => list.Key, StringComparer.Ordinal).Select(static list => (ListFolder + list.Key, list.Value)),
    ];

    /// <summary>Reads a policy file, the lists that it names, and <c>NAME.cases.jsonl</c> beside it if there is one.</summary>
    /// <exception cref="IOException">The policy file, or one of the others, cannot be read.</exception>
    public static PolicyFiles Load(string path)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        PolicyBundle bundle = PolicyBundle.Load(path);
        string cases = Path.Combine(folder, Path.GetFileNameWithoutExtension(path) + ".cases.jsonl");
        return new PolicyFiles(
            bundle.Source.Yaml,
            bundle.Source.ListFiles.ToDictionary(static list => list.Key, static list => list.Value.ToArray()),
            File.Exists(cases) ? File.ReadAllText(cases) : null);
    }

    /// <summary>The version, compiled.</summary>
    /// <exception cref="PolicyException">Something is wrong with it.</exception>
    public PolicyBundle Parse(string fileName = PolicyName) => PolicyBundle.Parse(new PolicySource(
        fileName, Policy, Lists.ToDictionary(static list => list.Key, static list => (ReadOnlyMemory<byte>)list.Value)));

    internal static PolicyFiles Of(IReadOnlyDictionary<string, byte[]> stored) => new(
        Encoding.UTF8.GetString(stored.GetValueOrDefault(PolicyName) ?? throw new WorkflowException($"{PolicyLog.TopicName} lacks the text of a version")),
        stored.Where(static file => file.Key.StartsWith(ListFolder, StringComparison.Ordinal))
            .ToDictionary(static file => file.Key[ListFolder.Length..], static file => file.Value),
        stored.TryGetValue(CasesName, out byte[]? cases) ? Encoding.UTF8.GetString(cases) : null);
}
