using System.Text;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Samples;

public class PaymentsTests
{
    private static readonly PolicyBundle V1 = PolicyBundle.Load(Path.Combine(Make.SamplesFolder(), "payments-v1.yaml"));
    private static readonly PolicyBundle V2 = PolicyBundle.Load(Path.Combine(Make.SamplesFolder(), "payments-v2.yaml"));

    [Fact]
    public void BothVersionsAreWhatTheyPromise()
    {
        Assert.True(V1.Rules.Count >= 8);
        Assert.NotEqual(V1.Hash, V2.Hash);
        string[] first = [.. V1.Rules.Select(rule => rule.Id)];
        string[] second = [.. V2.Rules.Select(rule => rule.Id)];
        Assert.Equal(["amount-spike"], first.Except(second));
        Assert.Equal(["daily-outflow"], second.Except(first));
    }

    [Fact]
    public void SanctionedNameIsBlockedHoweverItIsWritten()
    {
        DecisionRecord record = new DecisionEngine(V1, "payments", 0).Decide(Payment(0, counterparty: " viktor   MOROZOV "));
        Assert.Equal(Outcome.Block, record.Outcome);
        Assert.Contains("sanctions", record.Labels);
        Assert.Equal(["payments.blocked"], record.Routes);
        Assert.Contains("is on the sanctions list", Assert.Single(record.Reasons).Text);
    }

    [Fact]
    public void BurstIsHeldFromTheNinthPaymentOnAndFromTheSixthUnderV2()
    {
        Assert.Equal(8, FirstHeldBy(V1, "payment-burst", i => Payment(i * 30)));
        Assert.Equal(5, FirstHeldBy(V2, "payment-burst", i => Payment(i * 30)));
    }

    [Fact]
    public void StructuringIsHeldAtTheSecondPaymentUnderTheLimit() =>
        Assert.Equal(1, FirstHeldBy(V1, "structuring", i => Payment(i * 5_000, amount: 9_400 + i)));

    [Fact]
    public void FanInIsSeenAtTheThirdSenderOfMoreThanSmallSums()
    {
        Assert.Equal(2, FirstHeldBy(V1, "fan-in", i => Payment(i * 600, amount: 250, account: $"A{i}", counterpartyAccount: "M1")));
        Assert.Equal(-1, FirstHeldBy(V1, "fan-in", i => Payment(i * 600, amount: 199, account: $"A{i}", counterpartyAccount: "M1")));
    }

    [Fact]
    public void SeriesFromADeviceThatIsNewIsSeenAtItsSecondPayment()
    {
        Assert.Equal(5, FirstHeldBy(V1, "new-device-series", i => i < 4 ? Payment(i * 7_200) : Payment(40_000 + (i * 30), device: "other")));
        Assert.Equal(-1, FirstHeldBy(V1, "new-device-series", i => Payment(i * 30)));
    }

    [Fact]
    public void NewDeviceWithHighAmountIsHeld()
    {
        var engine = new DecisionEngine(V1, "payments", 0);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(Outcome.Allow, engine.Decide(Payment(i * 7_200)).Outcome);
        }
        DecisionRecord record = engine.Decide(Payment(40_000, amount: 2_500, device: "other"));
        Assert.Contains(record.Rules, rule => rule is { Rule: "new-device-high-amount", Held: true });
        Assert.Equal(Outcome.Hold, record.Outcome);
    }

    [Fact]
    public void VersionsDifferByNamedRules()
    {
        var first = new DecisionEngine(V1, "payments", 0);
        var second = new DecisionEngine(V2, "payments", 0);
        var differing = new HashSet<string>();
        for (int i = 0; i < 12; i++)
        {
            byte[] payment = Payment(i * 30, amount: 3_000);
            DecisionRecord a = first.Decide(payment);
            DecisionRecord b = second.Decide(payment);
            Assert.Equal(a.EventDigest, b.EventDigest);
            Assert.NotEqual(a.StateHash, b.StateHash);
            differing.UnionWith(a.Rules.Where(r => r.Held == true).Select(r => r.Rule)
                .Except(b.Rules.Where(r => r.Held == true).Select(r => r.Rule)));
            differing.UnionWith(b.Rules.Where(r => r.Held == true).Select(r => r.Rule)
                .Except(a.Rules.Where(r => r.Held == true).Select(r => r.Rule)));
        }
        Assert.Contains("payment-burst", differing);
        Assert.Contains("daily-outflow", differing);
    }

    private static int FirstHeldBy(PolicyBundle policy, string rule, Func<int, byte[]> payment)
    {
        var engine = new DecisionEngine(policy, "payments", 0);
        for (int i = 0; i < 100; i++)
        {
            if (engine.Decide(payment(i)).Rules.Any(value => value.Rule == rule && value.Held == true))
            {
                return i;
            }
        }
        return -1;
    }

    private static byte[] Payment(
        int seconds,
        double amount = 20,
        string account = "A1",
        string counterparty = "Corner Shop",
        string counterpartyAccount = "S1",
        string device = "d1")
    {
        string time = DateTimeOffset.FromUnixTimeSeconds(1_790_000_000 + seconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        return Encoding.UTF8.GetBytes(FormattableString.Invariant(
            $$"""
            {"paymentId":"p{{seconds}}","account":"{{account}}","merchant":"m","device":"{{device}}","country":"DE","amount":{{amount}},
            "currency":"EUR","channel":"app","counterparty":"{{counterparty}}","counterpartyAccount":"{{counterpartyAccount}}",
            "time":"{{time}}"}
            """));
    }
}
