using PipeRoll.Policies;

namespace PipeRoll.Operations.Demo;

/// <summary>Finds a sample policy for the columns of a file: the one whose required fields are all there.</summary>
internal static class SamplePolicies
{
    /// <summary>The lowest version of the best-fitting policy, and its next version if there is one.</summary>
    public static (string First, string? Second) For(IReadOnlyList<string> columns, string samplesFolder, string input)
    {
        var fitting = new List<(string File, PolicyBundle Policy)>();
        string folder = Path.Combine(samplesFolder, "policies");
        string[] files = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.yaml") : [];
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            PolicyBundle policy = PolicyBundle.Load(file);
            if (policy.Event.Fields.All(field => field.Optional || columns.Contains(field.Name)))
            {
                fitting.Add((file, policy));
            }
        }

        if (fitting.Count == 0)
        {
            throw new DemoException(
                $"no sample policy fits the columns of {Path.GetFileName(input)} ({string.Join(", ", columns)}): write one and give it "
                + $"with --policy FILE");
        }

        // The policy that uses most of the columns is the one that was written for them.
        string name = fitting.MaxBy(each => each.Policy.Event.Fields.Count(field => columns.Contains(field.Name))).Policy.Name;
        string[] versions =
        [
            .. fitting.Where(each => each.Policy.Name == name)
                .OrderBy(each => each.Policy.Version, StringComparer.Ordinal)
                .Select(each => each.File),
        ];
        return (versions[0], versions.Length > 1 ? versions[1] : null);
    }
}
