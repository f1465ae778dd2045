using System.Text;

namespace PipeRoll.Policies.Tests.Records;

/// <summary>Cases and holds: where a policy says nothing of them, neither its hash nor its records know of them.</summary>
public class CaseTests
{
    private const string Plain = """
        name: payments
        version: "1"
        event:
          key: account
          time: { field: time, format: unix-ms }
          fields: { account: string, amount: double, time: timestamp }
        rules:
          - id: big
            when: event.amount > 100.0
            outcome: alert
            reason: much
          - id: huge
            when: event.amount > 1000.0
            outcome: hold
        fallback: { outcome: hold }

        """;

    private static readonly string WithCase = Plain.Replace("    reason: much\n", "    reason: much\n    case: 'fraud/${event.account}'\n", StringComparison.Ordinal);

    [Fact]
    public void ARuleThatHoldsNamesItsCase()
    {
        DecisionRecord record = Decide(Parse(WithCase), 200);
        Assert.Equal([new DecisionCase("big", "fraud/acc \"1\"")], record.Cases);
        Assert.Empty(Decide(Parse(WithCase), 1).Cases);
        Assert.Contains("\"cases\":[]", Raw(Parse(WithCase), 1), StringComparison.Ordinal);
        Assert.DoesNotContain("cases", Raw(Parse(Plain), 200), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatChangesWhatHappensChangesTheHash()
    {
        string holding = Plain + "holds: { expireAfter: 24h, onExpiry: block }\n";
        string[] hashes = [.. new[]
        {
            Plain, WithCase, WithCase.Replace("fraud/", "aml/", StringComparison.Ordinal), holding, holding.Replace("24h", "25h", StringComparison.Ordinal),
            holding.Replace("onExpiry: block", "onExpiry: allow", StringComparison.Ordinal),
        }.Select(static text => Parse(text).Hash)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal(new PolicyHolds(86_400_000, Outcome.Block), Parse(holding).Holds);
        Assert.Null(Parse(Plain).Holds);
        Assert.DoesNotContain("\"holds\"", Encoding.UTF8.GetString(Parse(Plain).CanonicalBytes.Span), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("holds: { expireAfter: soon, onExpiry: block }", "`expireAfter` is 'soon'")]
    [InlineData("holds: { expireAfter: 1h, onExpiry: alert }", "`onExpiry` is 'alert'")]
    [InlineData("holds: { expireAfter: 1h }", "onExpiry")]
    [InlineData("holds: 1h", "Write `holds: { expireAfter: 24h, onExpiry: block }`.")]
    public void AWrongHoldIsSaidInWords(string holds, string expected)
    {
        PolicyException wrong = Assert.Throws<PolicyException>(() => Parse(Plain + holds + "\n"));
        Assert.Contains(expected, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AWrongCaseIsSaidInWords()
    {
        PolicyException wrong = Assert.Throws<PolicyException>(() => Parse(WithCase.Replace("event.account}", "event.acount}", StringComparison.Ordinal)));
        Assert.Contains("the case of rule 'big'", wrong.Message, StringComparison.Ordinal);
    }

    private static PolicyBundle Parse(string text) => PolicyBundle.Parse(new PolicySource("payments.yaml", text));

    private static DecisionRecord Decide(PolicyBundle policy, int amount) => DecisionRecord.Parse(Encoding.UTF8.GetBytes(Raw(policy, amount)));

    private static string Raw(PolicyBundle policy, int amount)
    {
        var engine = new DecisionEngine(policy, "payments", 0);
        byte[] happened = Encoding.UTF8.GetBytes($$"""{"account":"acc \"1\"","amount":{{amount}},"time":1700000000000}""");
        return Encoding.UTF8.GetString(engine.Decide(0, 0, null, happened).Record.Span);
    }
}
