using System.Text;
using PipeRoll.Policies.Sigma;
using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Sigma;

public class SigmaCompilerTests
{
    [Theory]
    [InlineData("A: abc", """{"A":"ABC"}""", true)]
    [InlineData("A: abc", """{"A":"xabc"}""", false)]
    [InlineData("A|cased: abc", """{"A":"ABC"}""", false)]
    [InlineData("A: 'a*c'", """{"A":"A-long-C"}""", true)]
    [InlineData("A: 'a?c'", """{"A":"abbc"}""", false)]
    [InlineData("A: 'a\\*c'", """{"A":"a*c"}""", true)]
    [InlineData("A: 'a\\*c'", """{"A":"abc"}""", false)]
    [InlineData("A|startswith: 'C:\\Win'", """{"A":"c:\\windows"}""", true)]
    [InlineData("A|endswith: '\\cmd.exe'", """{"A":"C:\\x\\CMD.EXE"}""", true)]
    [InlineData("A|contains: [x, straße]", """{"A":"an STRASSE"}""", false)]
    [InlineData("A|contains: [x, straße]", """{"A":"Eine STRAßE hier"}""", true)]
    [InlineData("A|contains|all: [one, two]", """{"A":"two and one"}""", true)]
    [InlineData("A|contains|all: [one, two]", """{"A":"two"}""", false)]
    [InlineData("A|re: '^a[0-9]+$'", """{"A":"a12"}""", true)]
    [InlineData("A|re|i: 'B+'", """{"A":"abbb"}""", true)]
    [InlineData("A|re: 'B+'", """{"A":"abbb"}""", false)]
    [InlineData("A|cidr: 10.0.0.0/8", """{"A":"10.1.2.3"}""", true)]
    [InlineData("A|cidr: 10.0.0.0/8", """{"A":"11.1.2.3"}""", false)]
    [InlineData("A|cidr: 10.0.0.0/8", """{"A":"a name"}""", false)]
    [InlineData("A|base64offset|contains: foobar", """{"A":"x Zm9vYmFy y"}""", true)]
    [InlineData("A|base64offset|contains: foobar", """{"A":"eGZvb2Jhcg=="}""", true)]
    [InlineData("A|base64offset|contains: foobar", """{"A":"eHhmb29iYXI="}""", true)]
    [InlineData("A|base64offset|contains: foobar", """{"A":"Zm9v"}""", false)]
    [InlineData("A|wide|base64offset|contains: ping", """{"A":"cABpAG4AZwA="}""", true)]
    [InlineData("A|contains|windash: ' -f '", """{"A":"x /f y"}""", true)]
    [InlineData("A|contains|windash: ' -f '", """{"A":"x \u2013f y"}""", true)]
    [InlineData("A|contains|windash: 'a-b'", """{"A":"a/b"}""", false)]
    [InlineData("A|exists: true", """{"A":1}""", true)]
    [InlineData("A|exists: false", """{"A":1}""", false)]
    [InlineData("A|exists: false", """{"B":1}""", true)]
    [InlineData("A: null", """{"B":1}""", true)]
    [InlineData("A: null", """{"A":null}""", true)]
    [InlineData("A: null", """{"A":"x"}""", false)]
    [InlineData("A: ''", """{"A":""}""", true)]
    [InlineData("A: [null, x]", """{"A":"x"}""", true)]
    [InlineData("A: 5", """{"A":5}""", true)]
    [InlineData("A: 5", """{"A":"5"}""", true)]
    [InlineData("A|gte: 5", """{"A":5}""", true)]
    [InlineData("A|lt: 5", """{"A":"4.5"}""", true)]
    [InlineData("A|gt: 5", """{"A":"many"}""", false)]
    [InlineData("A|fieldref: B", """{"A":"x","B":"X"}""", true)]
    [InlineData("A|fieldref|endswith: B", """{"A":"C:\\x","B":"X"}""", true)]
    [InlineData("A|fieldref: B", """{"A":"x"}""", false)]
    [InlineData("A|neq: x", """{"A":"y"}""", true)]
    [InlineData("A: '*'", """{"A":"y"}""", true)]
    [InlineData("A: '*'", """{"B":"y"}""", false)]
    [InlineData("odd-name.x|contains: '''q'''", """{"odd-name.x":"it 'q'"}""", false)]
    public void ModifiersMean(string line, string json, bool matches) => Assert.Equal(matches, Matches($"sel: {{ {line} }}", "sel", json));

    [Theory]
    [InlineData("a and not b", true)]
    [InlineData("a and b", false)]
    [InlineData("(a or b) and not (b and c)", true)]
    [InlineData("1 of them", true)]
    [InlineData("all of them", false)]
    [InlineData("2 of them", true)]
    [InlineData("3 of them", false)]
    [InlineData("1 of b*", false)]
    [InlineData("all of a*", true)]
    [InlineData("NOT b AND a OR b", true)]
    public void ConditionsMean(string condition, bool matches) =>
        Assert.Equal(matches, Matches("a: { A: x }\n  b: { B: y }\n  c: { C: z }\n  _hidden: { A: x }", condition, """{"A":"x","B":"n","C":"z"}"""));

    [Theory]
    [InlineData("keys: [mimikatz, 'two words']", """{"A":"ran MIMIKATZ now"}""", true)]
    [InlineData("keys: ['C:\\Temp']", """{"A":"at c:\\temp"}""", true)]
    [InlineData("keys: [nothing]", """{"A":"x"}""", false)]
    [InlineData("keys: { '|all': [one, two] }", """{"A":"two","B":"one"}""", true)]
    [InlineData("keys: { '|all': [one, two] }", """{"A":"two"}""", false)]
    [InlineData("keys: [{ A: x }, { B: y, C: z }]", """{"B":"y","C":"z"}""", true)]
    [InlineData("keys: [{ A: x }, { B: y, C: z }]", """{"B":"y"}""", false)]
    public void SelectionsMean(string selection, string json, bool matches) => Assert.Equal(matches, Matches(selection, "keys", json));

    [Fact]
    public void CorrelationsCountOverTime()
    {
        const string Rules = """
            title: Failed
            name: failed
            logsource: { product: x }
            detection: { s: { What: fail }, condition: s }
            ---
            title: Succeeded
            name: succeeded
            logsource: { product: x }
            detection: { s: { What: ok }, condition: s }
            ---
            title: Many failures
            id: many
            level: high
            correlation: { type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: { gte: 3 } }
            ---
            title: Many hosts
            id: hosts
            correlation: { type: value_count, rules: [failed], group-by: [User], timespan: 10s, condition: { field: Host, gte: 2 } }
            ---
            title: Both
            id: both
            correlation: { type: temporal, rules: [failed, succeeded], group-by: [User], timespan: 10s }
            ---
            title: In order
            id: order
            correlation: { type: temporal_ordered, rules: [failed, succeeded], group-by: [User], timespan: 10s, generate: true }
            ---
            title: Counted
            id: old
            logsource: { product: x }
            detection: { s: { What: fail }, condition: s | count() by User > 2, timeframe: 10s }
            """;
        var engine = new DecisionEngine(Compile(Rules), "t", 0);
        Assert.Equal(["both", "hosts", "many", "old", "order", "succeeded"], [.. engine.Policy.Rules.Select(rule => rule.Id).Except(["failed"]).Order(StringComparer.Ordinal)]);
        Assert.Empty(Held(engine, "ok", "ann", "h1", 0));
        Assert.Equal(["both"], Held(engine, "fail", "ann", "h1", 1));
        Assert.Equal(["both", "hosts"], Held(engine, "fail", "ann", "h2", 2));
        Assert.Empty(Held(engine, "fail", "bob", "h3", 2));
        Assert.Equal(["both", "hosts", "many", "old"], Held(engine, "fail", "ann", "h1", 3));
        Assert.Equal(["both", "order"], Held(engine, "ok", "ann", "h1", 4));
        Assert.Empty(Held(engine, "ok", "ann", "h1", 30));
    }

    [Fact]
    public void ThreeRulesInOrder()
    {
        string rules = string.Concat(((string[])["one", "two", "three"]).Select(name =>
            $"title: {name}\nname: {name}\ndetection: {{ s: {{ What: {name} }}, condition: s }}\n---\n"))
            + "title: Order\nid: order\ncorrelation: { type: temporal_ordered, rules: [one, two, three], group-by: [User], timespan: 1m }\n";
        var mapping = SigmaMapping.Parse("m", "key: User\ntime: at");
        var engine = new DecisionEngine(PolicyBundle.Parse(
            new PolicySource("p", SigmaCompiler.Compile("p", "1", [("r", rules)], mapping).Yaml)), "t", 0);
        bool Held(string what, string user, int second) => engine.Decide(
            $$"""{"What":"{{what}}","User":"{{user}}","at":"2026-01-01T00:00:{{second:00}}Z"}""").Rules.Single().Held == true;
        Assert.False(Held("two", "ann", 1));
        Assert.False(Held("one", "ann", 2));
        Assert.False(Held("three", "ann", 3));
        Assert.False(Held("two", "ann", 4));
        Assert.True(Held("three", "ann", 5));
        Assert.False(Held("three", "bob", 6));
        Assert.Contains("needs the events' own time", Assert.Throws<PolicyException>(() => Compile(rules)).Message);
    }

    [Theory]
    [InlineData("detection: { s: { A|expand: x }, condition: s }", "'expand' is not supported")]
    [InlineData("detection: { s: { A: x }, condition: t }", "no selection 't'")]
    [InlineData("detection: { s: { A: x }, condition: (s }", "not closed")]
    [InlineData("detection: { s: { A: x } }", "no `condition`")]
    [InlineData("detection: { s: { A|lt: x }, condition: s }", "no number")]
    [InlineData("detection: { s: { A: x }, condition: s | count() > 5 }", "needs a `timeframe`")]
    [InlineData("correlation: { type: event_count, rules: [nobody], timespan: 5m, condition: { gte: 1 } }", "'nobody'")]
    [InlineData("correlation: { type: sometimes, rules: [x], timespan: 5m }", "'sometimes'")]
    public void WhatIsNotUnderstoodIsSaid(string body, string message) =>
        Assert.Contains(message, Assert.Throws<PolicyException>(() => Compile($"title: T\nlogsource: {{ product: x }}\n{body}")).Message);

    [Fact]
    public void MappingSaysWhereFieldsAre()
    {
        var mapping = SigmaMapping.Parse("m.yaml", "key: host.name\ntime: at\ndefault: data.*\nfields: { EventID: meta.id }");
        SigmaCompilation compiled = SigmaCompiler.Compile(
            "p", "1", [("r.yml", "title: T\nid: r\ndetection: { s: { EventID: 4, User: ann }, condition: s }")], mapping);
        var engine = new DecisionEngine(PolicyBundle.Parse(new PolicySource("p.yaml", compiled.Yaml)), "t", 0);
        DecisionRecord record = engine.Decide("""{"host":{"name":"h"},"at":"2026-01-01T00:00:00Z","meta":{"id":4},"data":{"User":"Ann"}}""");
        Assert.True(Assert.Single(record.Rules).Held);
        Assert.Equal(1_767_225_600_000, record.EventTimeMs);
    }

    private static string[] Held(DecisionEngine engine, string what, string user, string host, int second)
    {
        byte[] json = Encoding.UTF8.GetBytes($$"""{"key":"k","What":"{{what}}","User":"{{user}}","Host":"{{host}}"}""");
        var record = DecisionRecord.Parse(engine.Decide(engine.NextOffset, second * 1_000L, "k"u8, json).Record.Span);
        return [.. record.Rules.Where(rule => rule.Held == true && rule.Rule is not ("failed" or "succeeded")).Select(rule => rule.Rule).Order(StringComparer.Ordinal)];
    }

    private static bool Matches(string selections, string condition, string json)
    {
        var engine = new DecisionEngine(
            Compile($"title: T\nid: r\nlogsource: {{ product: x }}\ndetection:\n  {selections}\n  condition: {condition}"), "t", 0);
        DecisionRecord record = engine.Decide(json.Insert(1, "\"key\":\"k\","));
        Assert.Null(record.Error);
        Assert.Null(record.Rules[0].Error);
        return record.Rules[0].Held == true;
    }

    private static PolicyBundle Compile(string rules) => PolicyBundle.Parse(
        new PolicySource("p.yaml", SigmaCompiler.Compile("p", "1", [("r.yml", rules)], SigmaMapping.Flat("key")).Yaml));
}
