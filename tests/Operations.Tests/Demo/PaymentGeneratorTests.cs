using System.Text.Json;
using PipeRoll.Operations.Demo;
using PipeRoll.Policies;

namespace PipeRoll.Operations.Tests.Demo;

public class PaymentGeneratorTests
{
    [Fact]
    public void The_same_seed_gives_the_same_payments_and_another_seed_others()
    {
        string[] first = Lines(3_000, 7);
        Assert.Equal(first, Lines(3_000, 7));
        Assert.NotEqual(first, Lines(3_000, 8));
    }

    [Fact]
    public void Payments_come_in_order_of_time_with_unique_ids_and_all_fields()
    {
        DateTimeOffset last = DateTimeOffset.MinValue;
        var ids = new HashSet<string>();
        foreach (GeneratedPayment payment in new PaymentGenerator(5_000, 3).Payments())
        {
            Assert.True(payment.Time >= last);
            last = payment.Time;
            Assert.True(ids.Add(payment.PaymentId));
            Assert.InRange(payment.Amount, 0.01, 1_000_000);
            using JsonDocument json = JsonDocument.Parse(payment.ToJson());
            Assert.All(
                new[] { "paymentId", "account", "device", "country", "amount", "currency", "channel", "counterparty", "time" },
                field => Assert.True(json.RootElement.TryGetProperty(field, out _), field));
            Assert.False(json.RootElement.TryGetProperty("pattern", out _), "the truth must not be in the event");
        }

        Assert.Equal(5_000, ids.Count);
    }

    [Fact]
    public void Every_pattern_is_planted_rarely_and_has_its_shape()
    {
        GeneratedPayment[] all = [.. new PaymentGenerator(60_000, 1).Payments()];
        ILookup<string?, GeneratedPayment> patterns = all.ToLookup(payment => payment.Pattern);
        Assert.Equal(["burst", "fan-in", "sanctioned", "structuring"], patterns.Select(group => group.Key).OfType<string>().Order());
        Assert.InRange(all.Count(payment => payment.Pattern is not null), 300, 3_000);
        Assert.All(patterns["structuring"], payment => Assert.InRange(payment.Amount, 9_000, 9_999.99));
        Assert.All(patterns["fan-in"], payment => Assert.NotNull(payment.CounterpartyAccount));
        Assert.All(patterns["sanctioned"], payment => Assert.Contains(payment.Counterparty, PaymentNames.Sanctioned));
        Assert.Contains(
            patterns["fan-in"].GroupBy(payment => payment.CounterpartyAccount),
            mule => mule.Select(payment => payment.Account).Distinct().Count() >= 20);
        Assert.True(patterns[null].Average(payment => payment.Time.Hour is >= 9 and < 21 ? 1.0 : 0) > 0.55, "people pay by day");
    }

    [Fact]
    public void Ordinary_payments_mostly_pass_the_sample_policy_and_every_sanctioned_one_is_blocked()
    {
        PolicyBundle policy = PolicyBundle.Load(Path.Combine(Repository.Samples, "policies", "payments-v1.yaml"));
        var engine = new DecisionEngine(policy, "payments", 0);
        int ordinary = 0;
        int flagged = 0;
        int offset = 0;
        foreach (GeneratedPayment payment in new PaymentGenerator(20_000, 5).Payments())
        {
            byte[] json = System.Text.Encoding.UTF8.GetBytes(payment.ToJson());
            Decision decision = engine.Decide(
                offset++, payment.Time.ToUnixTimeMilliseconds(), System.Text.Encoding.UTF8.GetBytes(payment.Account), json);
            Assert.False(decision.IsFallback);
            if (payment.Pattern is "sanctioned")
            {
                Assert.Equal(Outcome.Block, decision.Outcome);
            }

            ordinary += payment.Pattern is null ? 1 : 0;
            flagged += payment.Pattern is null && decision.Outcome != Outcome.Allow ? 1 : 0;
        }

        Assert.InRange((double)flagged / ordinary, 0, 0.01);
    }

    private static string[] Lines(int count, int seed) =>
        [.. new PaymentGenerator(count, seed).Payments().Select(payment => payment.ToJson() + payment.Pattern)];
}
