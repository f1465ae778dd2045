namespace PipeRoll.Policies.Tests.Reading;

/// <summary>Wrong policies: each problem has its line and column and says what to write instead.</summary>
public class PolicyProblemsTests
{
    private const string Good = """
        name: payments
        version: "1"
        event:
          key: account
          time: { field: time, format: iso8601 }
          fields:
            account: string
            amount: double
            time: timestamp
        lists:
          watched: { values: [a, b] }
        windows:
          busy: { key: event.account, aggregate: count, over: 10m }
        rules:
          - id: large
            when: event.amount > 1000.0
            outcome: alert
            reason: "${event.amount} is large"
        thresholds:
          - { score: 50, outcome: hold }
        routes:
          block: blocked
        fallback: { outcome: hold }
        """;

    [Fact]
    public void GoodPolicyIsParsed()
    {
        PolicyBundle bundle = PolicyBundle.Parse(new PolicySource("p.yaml", Good));
        Assert.Equal("payments", bundle.Name);
        Assert.Equal("large", Assert.Single(bundle.Rules).Id);
        Assert.Equal([Outcome.Allow, Outcome.Alert, Outcome.Hold], bundle.Outcomes);
    }

    [Theory]
    [InlineData("name: payments", "nam: payments", 1, 1, "no `name`", "Name the policy")]
    [InlineData("name: payments", "nam: payments", 1, 1, "knows no `nam`", "Did you mean `name`?")]
    [InlineData("name: payments", "name: \"pay ments\"", 1, 7, "cannot be a topic", "letters, digits")]
    [InlineData("version: \"1\"", "version: [1]", 2, 10, "must be a single value", "in one line")]
    [InlineData("  key: account", "  key: acount", 4, 8, "no field 'acount'", "Did you mean `account`?")]
    [InlineData("format: iso8601", "format: iso", 5, 32, "'iso'", "Did you mean `iso8601`?")]
    [InlineData("format: iso8601", "format: step", 5, 9, "has no `unit`", "unit: 1d")]
    [InlineData("field: time,", "field: amount,", 5, 18, "format cannot be read from", "amount: timestamp")]
    [InlineData("    amount: double", "    amount: float", 8, 13, "the type 'float'", "Possible types: bool, int, double")]
    [InlineData("    amount: double", "    in: double", 8, 5, "word of the expression language", "another name")]
    [InlineData("    amount: double", "    a-mount: double", 8, 5, "cannot be the name of a field", "letters, digits and `_`")]
    [InlineData("    amount: double", "    account: double", 8, 5, "there twice, first in line 7", "Keep one")]
    [InlineData("{ values: [a, b] }", "{ }", 11, 12, "needs either `file` or `values`", "file: names.csv")]
    [InlineData("{ values: [a, b] }", "{ file: ../x.csv }", 11, 20, "not beside the policy", "without `..`")]
    [InlineData("{ values: [a, b] }", "{ file: x.csv }", 11, 20, "no file 'x.csv'", "beside the policy")]
    [InlineData("{ values: [a, b] }", "{ values: [a], match: roughly }", 11, 34, "'roughly'", "exact, name, prefix, fuzzy")]
    [InlineData("aggregate: count", "aggregate: cout", 13, 42, "'cout'", "Did you mean `count`?")]
    [InlineData("aggregate: count", "aggregate: sum", 13, 9, "has no `value`", "value: event.amount")]
    [InlineData("over: 10m", "over: 10 minutes", 13, 55, "'10 minutes'", "10m")]
    [InlineData("over: 10m", "over: 10m, value: event.amount", 13, 67, "takes no `value`", "distinct")]
    [InlineData("over: 10m", "over: 10m, empty: 0", 13, 67, "only for min, max, avg, stddev", "Remove it")]
    [InlineData("key: event.account,", "key: event.acount,", 13, 22, "in the key of window 'busy'", "")]
    [InlineData("key: event.account,", "key: event.amount,", 13, 16, "gives double", "string(…)")]
    [InlineData("  - id: large", "  - description: large", 15, 5, "no `id`", "id: payment-burst")]
    [InlineData("    when: event.amount > 1000.0", "    when: event.amount >", 16, 25, "in `when` of rule 'large'", "")]
    [InlineData("    when: event.amount > 1000.0", "    when: event.amount + 1.0", 16, 11, "gives double", "true or false")]
    [InlineData("    when: event.amount > 1000.0", "    when: event.ammount > 1000.0", 16, 17, "ammount", "amount")]
    [InlineData("    when: event.amount > 1000.0", "    when: windows.bussy > 3", 16, 19, "bussy", "busy")]
    [InlineData("> 1000.0", "> 1000.0 && listed('wached', event.account)", 16, 43, "no list 'wached'", "Did you mean `watched`?")]
    [InlineData("event.amount > 1000.0", "event.time.getHours('Europe/Berlin') > 3", 16, 31, "named time zone", "'UTC'")]
    [InlineData("    when: event.amount > 1000.0", "    when: event.time.getHours(event.account) > 3", 16, 37, "named time zone", "'UTC'")]
    [InlineData("    outcome: alert", "    outcome: alarm", 17, 14, "'alarm'", "alert")]
    [InlineData("    outcome: alert", "    description: nothing", 15, 5, "does nothing", "`outcome`")]
    [InlineData("    outcome: alert", "    outcome: alert\n    score: many", 18, 12, "'many'", "whole number")]
    [InlineData("    outcome: alert", "    outcome: alert\n    severity: bad", 18, 15, "'bad'", "critical")]
    [InlineData("outcome: alert", "outcome: alert\n    route: { topic: a, suffix: b }", 18, 12, "either `topic` or `suffix`", "suffix")]
    [InlineData("${event.amount} is large", "${event.amout} is large", 18, 22, "in the reason of rule 'large'", "amount")]
    [InlineData("${event.amount} is large", "${event.amount is large", 18, 13, "does not close it", "${expression}")]
    [InlineData("  - { score: 50, outcome: hold }", "  - { score: 50 }", 20, 5, "no `outcome`", "outcome: hold")]
    [InlineData("  block: blocked", "  blok: blocked", 22, 3, "knows no `blok`", "Did you mean `block`?")]
    [InlineData("  block: blocked", "  block: blocked events", 22, 10, "cannot be a topic", "letters")]
    [InlineData("fallback: { outcome: hold }", "", 1, 1, "no `fallback`", "fallback: { outcome: hold }")]
    [InlineData("fallback: { outcome: hold }", "fallback: hold", 23, 11, "`key: value` lines", "fallback: { outcome: hold }")]
    public void ProblemHasPlaceAndAdvice(string from, string to, int line, int column, string message, string hint)
    {
        Assert.Contains(from, Good);
        IReadOnlyList<PolicyProblem> problems = ProblemsOf(Good.Replace(from, to));
        string all = string.Join('\n', problems);
        Assert.True(
            problems.Any(p => p.Line == line && p.Column == column && p.Message.Contains(message) && p.Hint.Contains(hint)),
            $"expected {line}:{column} …{message}… with …{hint}…, but got:\n{all}");
    }

    [Theory]
    [InlineData("", 1, "empty")]
    [InlineData("name: [1, 2", 1, "not YAML")]
    [InlineData("name: a\n  version: 1", 2, "not YAML")]
    [InlineData("a: &x 1\nb: *x", 1, "anchors")]
    [InlineData("a: 1\nb: *x", 2, "aliases")]
    [InlineData("- a\n- b", 1, "`key: value` lines")]
    [InlineData("just words", 1, "`key: value` lines")]
    public void BrokenYamlHasItsLine(string yaml, int line, string message)
    {
        IReadOnlyList<PolicyProblem> problems = ProblemsOf(yaml);
        Assert.True(problems.Any(p => p.Line == line && p.Message.Contains(message)), string.Join('\n', problems));
        Assert.All(problems, p => Assert.NotEqual("", p.Hint));
    }

    [Fact]
    public void DeepNestingIsRefusedWithoutOverflow()
    {
        IReadOnlyList<PolicyProblem> problems = ProblemsOf("a: " + new string('[', 100_000));
        Assert.Contains("nested deeper", problems[0].Message);
    }

    [Fact]
    public void AllProblemsComeAtOnceInOrder()
    {
        string yaml = Good.Replace("amount: double", "amount: dubble").Replace("outcome: alert", "outcome: alarm").Replace("10m", "10x");
        IReadOnlyList<PolicyProblem> problems = ProblemsOf(yaml);
        Assert.True(problems.Count >= 3, string.Join('\n', problems));
        Assert.Equal(problems.OrderBy(p => p.Line).Select(p => p.Line), problems.Select(p => p.Line));
        PolicyException thrown = Assert.Throws<PolicyException>(() => PolicyBundle.Parse(new PolicySource("p", yaml)));
        Assert.Contains("problems in the policy", thrown.Message);
    }

    [Fact]
    public void ProblemInABlockIsFoundInItsLine()
    {
        string yaml = Good.Replace("when: event.amount > 1000.0", "when: |\n      event.amount > 1000.0\n        && event.acount == 'x'");
        PolicyProblem problem = ProblemsOf(yaml)[0];
        Assert.Equal((18, 18), (problem.Line, problem.Column));
    }

    [Fact]
    public void ProblemInAFoldedBlockIsFoundInItsLine()
    {
        string yaml = Good.Replace("when: event.amount > 1000.0", "when: >\n      event.amount > 1000.0\n      && event.acount == 'x'");
        PolicyProblem problem = ProblemsOf(yaml)[0];
        Assert.Equal((18, 16), (problem.Line, problem.Column));
    }

    [Fact]
    public void DoubledRuleIsReported()
    {
        string yaml = Good.Replace("thresholds:", "  - { id: large, when: 'true', score: 1 }\nthresholds:");
        Assert.Contains("another rule 'large' in line 15", ProblemsOf(yaml)[0].Message);
    }

    private static IReadOnlyList<PolicyProblem> ProblemsOf(string yaml) =>
        Assert.Throws<PolicyException>(() => PolicyBundle.Parse(new PolicySource("p.yaml", yaml))).Problems;
}
