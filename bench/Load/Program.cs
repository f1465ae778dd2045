using PipeRoll.Load;
using PipeRoll.Load.Benchmarks;

// bench [NAME...] [--root DIR] [--quick] [--keep] [--json FILE]; without a name all but those of clusters, `cluster` for those; --keep leaves
// the servers' folders and logs. Every figure is a ratio to, or stands beside, a yardstick of the same run.
Dictionary<string, Action<BenchContext>> benchmarks = new(StringComparer.Ordinal)
{
    ["produce"] = ProduceBenchmark.Throughput,
    ["latency"] = ProduceBenchmark.Latency,
    ["tail"] = ReadBenchmark.Tail,
    ["cold"] = ReadBenchmark.Cold,
    ["recovery"] = RecoveryBenchmark.Wal,
    ["partitions"] = RecoveryBenchmark.Partitions,
    ["cel"] = CelBenchmark.Expressions,
    ["engine"] = EngineBenchmark.Decisions,
    ["screening"] = ScreeningBenchmark.Names,
    ["decisions"] = WorkflowBenchmark.EndToEnd,
    ["decide"] = DecideBenchmark.Blocking,
    ["security"] = SecurityBenchmark.Produce,
    ["cluster-produce"] = ClusterProduceBenchmark.Latency,
    ["cluster-puts"] = ClusterProduceBenchmark.Puts,
    ["cluster-failover"] = ClusterFailoverBenchmark.Run,
    ["cluster-move"] = ClusterMoveBenchmark.Run,
    ["cluster-cold"] = ClusterReadBenchmark.Cold,
    ["cluster-storm"] = ClusterStormBenchmark.Run,
};

var names = new List<string>();
string root = Path.Combine(Path.GetTempPath(), $"piperoll-bench-{Environment.ProcessId}");
string? json = null;
double scale = 1;
bool keep = false;
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--root" when i + 1 < args.Length: root = Path.Combine(args[++i], $"piperoll-bench-{Environment.ProcessId}"); break;
        case "--json" when i + 1 < args.Length: json = args[++i]; break;
        case "--quick": scale = 0.2; break;
        case "--keep": keep = true; break;
        case "cluster": names.AddRange(benchmarks.Keys.Where(name => name.StartsWith("cluster-", StringComparison.Ordinal))); break;
        case var name when benchmarks.ContainsKey(name): names.Add(name); break;
        default:
            Console.Error.WriteLine($"bench: no benchmark is called '{args[i]}'; there are {string.Join(", ", benchmarks.Keys)}");
            return 2;
    }
}

var report = new Report();
var context = new BenchContext(root, scale, report);
Directory.CreateDirectory(root);
try
{
    foreach (string name in names.Count > 0 ? names : [.. benchmarks.Keys.Where(name => !name.StartsWith("cluster-", StringComparison.Ordinal))])
    {
        benchmarks[name](context);
    }
}
catch (Exception failed)
{
    // Caught here, so that what was started is ended: without a handler, nothing would be disposed.
    Console.Error.WriteLine($"bench: {failed}");
    return 1;
}
finally
{
    if (!keep)
    {
        Directory.Delete(root, recursive: true);
    }
}

if (json is not null)
{
    report.Write(json);
}

return 0;
