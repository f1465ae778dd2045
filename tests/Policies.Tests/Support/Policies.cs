using System.Text;

namespace PipeRoll.Policies.Tests.Support;

/// <summary>Short ways to policies and events.</summary>
internal static class Make
{
    public const string Head = """
        name: test
        version: "1"
        event:
          key: account
          time: { field: time, format: unix-ms }
          fields:
            account: string
            amount: double
            country: { type: string, optional: true }
            count: { type: int, optional: true }
            flag: { type: bool, optional: true }
            time: timestamp

        """;

    public const string Tail = "\nfallback: { outcome: hold, labels: [unreadable] }\n";

    public static PolicyBundle Policy(string body) => PolicyBundle.Parse(new PolicySource("test.yaml", Head + body + Tail));

    public static PolicyBundle WithWindow(string window) => Policy(
        "windows:\n  w: " + window + "\nrules:\n  - { id: any, when: 'true', labels: [seen] }");

    public static byte[] Event(string account, double amount, long timeMs, string more = "") =>
        Encoding.UTF8.GetBytes(FormattableString.Invariant($"{{\"account\":\"{account}\",\"amount\":{amount:R},\"time\":{timeMs}{more}}}"));

    /// <summary>Decides at the next offset and reads the record back.</summary>
    public static DecisionRecord Decide(this DecisionEngine engine, byte[] value, string key = "k") =>
        DecisionRecord.Parse(engine.Decide(engine.NextOffset, 1_000, Encoding.UTF8.GetBytes(key), value).Record.Span);

    public static DecisionRecord Decide(this DecisionEngine engine, string json) => engine.Decide(Encoding.UTF8.GetBytes(json));

    public static string SamplesFolder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !Directory.Exists(Path.Combine(folder, "samples", "policies")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return Path.Combine(folder ?? throw new DirectoryNotFoundException("samples/policies"), "samples", "policies");
    }
}
