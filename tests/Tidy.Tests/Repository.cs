using System.Reflection;

namespace PipeRoll.Tidy.Tests;

/// <summary>The checkout that these tests look at: every file that git would track, by path relative to the root.</summary>
internal static class Repository
{
    private static readonly string[] OutputFolders = ["bin", "obj", "node_modules", ".git", "artifacts", "TestResults", "BenchmarkDotNet.Artifacts", "data"];

    public static string Root { get; } = FindRoot();

    public static IReadOnlyList<string> Files { get; } = [.. Walk(Root).Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public static IEnumerable<string> CSharpFiles => Files.Where(path => path.EndsWith(".cs", StringComparison.Ordinal));

    public static IEnumerable<string> Projects => Files.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal));

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    public static bool Exists(string path)
    {
        string full = Path.Combine(Root, path);
        return File.Exists(full) || Directory.Exists(full);
    }

    /// <summary>Fails with every offence in one message, so that one run shows all there is to mend.</summary>
    public static void AssertNone(IEnumerable<string> offences, string rule)
    {
        string[] all = [.. offences];
        Assert.True(all.Length == 0, $"{rule}:{Environment.NewLine}{string.Join(Environment.NewLine, all)}");
    }

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            yield return file;
        }

        foreach (string child in Directory.EnumerateDirectories(folder))
        {
            if (!OutputFolders.Contains(Path.GetFileName(child), StringComparer.Ordinal))
            {
                foreach (string file in Walk(child))
                {
                    yield return file;
                }
            }
        }
    }

    private static string FindRoot()
    {
        string? folder = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location);
        while (folder is not null && !File.Exists(Path.Combine(folder, "PipeRoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("PipeRoll.slnx is not above the test's own folder");
    }
}
