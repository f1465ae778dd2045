using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Records;

/// <summary>Records byte for byte: a change here changes evidence, and needs a new format version.</summary>
public class GoldenRecordTests
{
    [Fact]
    public void RecordsAreTheGoldenBytes()
    {
        var engine = new DecisionEngine(EventStream.Policy, "payments", 7);
        var lines = new StringBuilder();
        void Add(long offset, string key, byte[] value)
        {
            Decision decision = engine.Decide(offset, 1_700_000_000_000 + offset, Encoding.UTF8.GetBytes(key), value);
            lines.Append(Encoding.UTF8.GetString(decision.RecordKey.Span)).Append(' ');
            lines.Append(Encoding.UTF8.GetString(decision.Record.Span)).Append('\n');
        }
        Add(0, "a", Make.Event("a", 12.25, 100, ",\"country\":\"DE\",\"flag\":true,\"count\":1"));
        Add(1, "a", Make.Event("a", 12.25, 101, ",\"country\":\"DE\",\"flag\":false,\"count\":1"));
        Add(5, "", Make.Event("ANN  lee", 0.1, 90, ",\"country\":\"FR\",\"count\":2"));
        Add(6, "é\"", Encoding.UTF8.GetBytes("{broken"));
        string path = Path.Combine(AppContext.BaseDirectory, "Records", "golden-records.txt");
        if (Environment.GetEnvironmentVariable("PIPEROLL_WRITE_GOLDEN") is { Length: > 0 } target)
        {
            File.WriteAllText(target, lines.ToString());
        }
        Assert.Equal(File.ReadAllText(path), lines.ToString());
    }

    [Fact]
    public void ChainCanBeRecomputedByAnybody()
    {
        var engine = new DecisionEngine(EventStream.Policy, "payments", 7);
        PolicyList list = Assert.Single(EventStream.Policy.Lists);
        string start = $"{{\"format\":\"piperoll.state/1\",\"policy\":\"{EventStream.Policy.Hash}\","
            + $"\"lists\":[[\"watched\",\"7\",\"{list.Hash}\"]],\"topic\":\"payments\",\"partition\":7}}";
        byte[] head = SHA256.HashData(Encoding.UTF8.GetBytes(start));
        Assert.Equal(head, engine.StateHash.ToArray());
        for (int i = 0; i < 3; i++)
        {
            byte[] value = Make.Event("a", i, i);
            byte[] digest = SHA256.HashData([.. Big(i, 8), .. Big(99, 8), .. Big(1, 4), (byte)'k', .. Big(value.Length, 4), .. value]);
            head = SHA256.HashData([.. head, .. digest]);
            DecisionRecord record = DecisionRecord.Parse(engine.Decide(i, 99, "k"u8, value).Record.Span);
            Assert.Equal(Convert.ToHexStringLower(digest), record.EventDigest);
            Assert.Equal(Convert.ToHexStringLower(head), record.StateHash);
        }
    }

    [Fact]
    public void PolicyHashIsOverItsCanonicalBytes()
    {
        ReadOnlySpan<byte> canonical = EventStream.Policy.CanonicalBytes.Span;
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(canonical)), EventStream.Policy.Hash);
        const string Start = "{\"format\":\"piperoll.policy/1\",\"name\":\"test\",\"version\":\"1\"";
        Assert.StartsWith(Start, Encoding.UTF8.GetString(canonical));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"format\":\"piperoll.decision/9\"}")]
    [InlineData("{\"format\":\"piperoll.decision/1\",\"event\":5}")]
    public void OtherBytesAreNoRecord(string text) =>
        Assert.Throws<FormatException>(() => DecisionRecord.Parse(Encoding.UTF8.GetBytes(text)));

    private static byte[] Big(long value, int bytes)
    {
        var buffer = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(buffer, value);
        return buffer[(8 - bytes)..];
    }
}
