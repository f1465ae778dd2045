using System.Security.Cryptography;
using CsCheck;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Snapshots;

/// <summary>Bytes that are no state, with the right checksum: they are refused, and nothing is allocated for what they claim.</summary>
public class SnapshotFuzzTests
{
    [Fact]
    public void ForgedBodiesAreRefusedOrAreStatesThatWriteThemselves()
    {
        var engine = new DecisionEngine(EventStream.Policy, "t", 3);
        foreach (string account in (string[])["a", "b", "ann lee"])
        {
            engine.Decide(Make.Event(account, 5, 10, ",\"country\":\"DE\",\"flag\":true,\"count\":1"));
        }
        byte[] good = engine.Snapshot();
        Gen.Select(Gen.Select(Gen.Int[0, good.Length - 33], Gen.Byte).Array[1, 6], Gen.Int[0, 8]).Sample(
            (changes, cut) =>
            {
                byte[] forged = [.. good.AsSpan(0, good.Length - 32 - cut), .. new byte[32]];
                foreach ((int at, byte value) in changes)
                {
                    forged[Math.Min(at, forged.Length - 33)] = value;
                }
                SHA256.HashData(forged.AsSpan(0, forged.Length - 32), forged.AsSpan(forged.Length - 32));
                try
                {
                    Assert.Equal(forged, DecisionEngine.Restore(EventStream.Policy, "t", 3, forged).Snapshot());
                }
                catch (SnapshotException e)
                {
                    Assert.NotEqual("", e.Message);
                }
            },
            iter: 2_000,
            seed: "0N0XIzNsQ0O2");
    }

    [Fact]
    public void RandomBytesAreRefused() =>
        Gen.Byte.Array[0, 200].Sample(
            bytes => Assert.Throws<CorruptSnapshotException>(() => DecisionEngine.Restore(EventStream.Policy, "t", 0, bytes)),
            iter: 2_000);
}
