using System.Diagnostics;
using PipeRoll.Policies;

namespace PipeRoll.Load.Benchmarks;

/// <summary>
/// Name screening on one thread over 20,000 entries: made-up ones that have the SDN list's shape, or, where it lies beside the
/// repository, its names. What is asked for: half of it misspelt names of the list, half names that are not on it. Recall is against
/// names that were misspelt on purpose.
/// </summary>
internal static class ScreeningBenchmark
{
    private const int Entries = 20_000;

    public static void Names(BenchContext context)
    {
        var random = new Random(3);
        ListDocument document = Document(random);
        var list = new PolicyList("bench", null, ListMatch.Fuzzy, document);
        string[] listed = [.. document.Entries.Where(entry => entry.Name.Length > 8).OrderBy(_ => random.Next()).Take(2_000).Select(entry => entry.Name)];
        string[] misspelt = [.. listed.Select(name => Misspell(name, random))];
        string[] others = [.. Enumerable.Range(0, 2_000).Select(_ => Other(document, random))];
        int found = misspelt.Count(name => list.Screen(name).IsListed);
        int wrong = others.Count(name => list.Screen(name).IsListed);
        var times = new List<double>();
        TimeSpan cpuBefore = Environment.CpuUsage.TotalTime;
        int rounds = Math.Max(1, (int)(3 * context.TimeScale));
        for (int round = 0; round < rounds; round++)
        {
            foreach (string name in misspelt.Concat(others))
            {
                long started = Stopwatch.GetTimestamp();
                list.Screen(name);
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }
        }

        double cpu = (Environment.CpuUsage.TotalTime - cpuBefore).TotalMilliseconds / times.Count;
        times.Sort();
        context.Report.Add("screening", $"mean of processor time, {document.Entries.Count:N0} entries, {document.NameCount:N0} names", cpu, "ms", "<= 0.5");
        context.Report.Add("screening", "median", times[times.Count / 2], "ms", "<= 0.5");
        context.Report.Add("screening", "p99", times[times.Count * 99 / 100], "ms");
        context.Report.Add("screening", "misspelt names found (recall)", found * 100.0 / misspelt.Length, "%");
        context.Report.Add("screening", "other names said to be listed", wrong * 100.0 / others.Length, "%");
    }

    private static ListDocument Document(Random random)
    {
        string? real = SharedList();
        List<ListEntry> entries = real is null ? [] : [.. ListFile.Load(real).Entries];
        string[] words = entries.Count > 0
            ? [.. entries.SelectMany(entry => entry.Name.Split(' ', ',', StringSplitOptions.RemoveEmptyEntries)).Where(word => word.Length > 2)]
            : [.. Enumerable.Range(0, 12_000).Select(_ => Word(random))];
        while (entries.Count < Entries)
        {
            string name = string.Join(' ', Enumerable.Range(0, random.Next(2, 5)).Select(_ => words[random.Next(words.Length)]));
            entries.Add(new ListEntry($"made-{entries.Count}", name, [], "individual", "", ""));
        }

        string made = System.Text.Json.JsonSerializer.Serialize(entries, System.Text.Json.JsonSerializerOptions.Web);
        return ListFile.Read(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(made)), null, new ListFileOptions(ListFormat.Json));
    }

    private static string? SharedList()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", "data", "ofac-sdn", "2021");
            if (Directory.Exists(path))
            {
                return path;
            }
        }

        return null;
    }

    private static string Word(Random random)
    {
        string[] syllables = ["ba", "mo", "ri", "tan", "kha", "lid", "ov", "es", "dar", "shi", "vik", "to", "ra", "len", "gu", "ze"];
        return string.Concat(Enumerable.Range(0, random.Next(2, 4)).Select(_ => syllables[random.Next(syllables.Length)]));
    }

    private static string Misspell(string name, Random random)
    {
        string longest = name.Split(' ', ',', '-', '.').MaxBy(word => word.Length)!;
        if (longest.Length < 5)
        {
            return name.ToLowerInvariant();
        }

        int at = random.Next(1, longest.Length - 2);
        string other = random.Next(3) switch
        {
            0 => longest.Remove(at, 1),
            1 => longest.Insert(at, longest[at].ToString()),
            _ => $"{longest[..at]}{longest[at + 1]}{longest[at]}{longest[(at + 2)..]}",
        };
        return name.Replace(longest, other, StringComparison.Ordinal);
    }

    /// <summary>
    /// Family names and first names that stand in the list, put together anew: what customers' names look like to a list.
    /// </summary>
    private static string Other(ListDocument document, Random random)
    {
        string First() => document.Entries[random.Next(document.Entries.Count)].Name.Split(' ')[^1];
        return $"{First()} {Word(random)}";
    }
}
