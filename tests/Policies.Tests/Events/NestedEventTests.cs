using PipeRoll.Policies.Tests.Support;

namespace PipeRoll.Policies.Tests.Events;

public class NestedEventTests
{
    private static readonly PolicyBundle Policy = PolicyBundle.Parse(new PolicySource(
        "p.yaml",
        """
        name: nested
        version: "1"
        event:
          key: user
          time: record
          fields:
            user: { type: string, path: who.name }
            port: { type: int, path: net.port, optional: true }
            number: { type: text, path: net.port, optional: true }
            any: { type: any, path: data, optional: true }
            odd: { type: text, path: [who, "a.b"], optional: true }
            either: { type: text, paths: [one.x, two.*.x], optional: true }
            whole: { type: text, path: $ }
            name: { type: string, path: a.b, default: none }
            amount: { type: double, default: 1 }
            more: { type: any, path: a.c, default: "{\"x\": [1]}" }
        rules:
          - { id: port, when: "has(event.port) && event.port == 22 && event.number == '22'", score: 1 }
          - { id: any, when: "has(event.any) && event.any.?list[?1].?deep.orValue(0) == 7 && event.any.list.exists(x, x == 'a')", score: 1 }
          - { id: odd, when: "has(event.odd) && event.odd == '[1,  {\"x\":2}]'", score: 1 }
          - { id: either, when: "has(event.either) && event.either == 'found'", score: 1 }
          - { id: defaults, when: "event.name != 'none' || event.amount != 1.0 || event.more.x != [1]", score: 1 }
          - { id: inner, when: "has(event.odd) && parseJson(event.odd).?x[?0].orValue(0) == 5", score: 1 }
          - { id: whole, when: "event.whole.contains('needle')", score: 1 }
        fallback: { outcome: hold }
        """));

    [Theory]
    [InlineData("""{"who":{"name":"ann"}}""", "")]
    [InlineData("""{"net":{"port":22},"who":{"x":{"name":"no"},"name":"ann"}}""", "port")]
    [InlineData("""{"who":{"name":"ann"},"net":[22]}""", "")]
    [InlineData("""{"who":{"name":"ann"},"data":{"list":["a",{"deep":7}]}}""", "any")]
    [InlineData("""{"who":{"name":"ann","a.b":[1,  {"x":2}]}}""", "odd")]
    [InlineData("""{"who":{"name":"ann"},"two":{"p":{"y":1},"q":{"x":"found"},"r":{"x":"late"}}}""", "either")]
    [InlineData("""{"who":{"name":"ann"},"other":{"deep":["needle"]}}""", "whole")]
    [InlineData("""{"who":{"name":"ann","a.b":"{\"x\":[5]}"}}""", "inner")]
    [InlineData("""{"who":{"name":"ann"},"a":{"b":"some"}}""", "defaults")]
    [InlineData("""{"who":{"name":"ann"},"a":{"b":null,"c":{"x":[2]}}}""", "defaults")]
    public void FieldsAreFoundInside(string json, string held)
    {
        DecisionRecord record = new DecisionEngine(Policy, "t", 0).Decide(json);
        Assert.Null(record.Error);
        Assert.Equal(held, string.Join(',', record.Rules.Where(rule => rule.Held == true).Select(rule => rule.Rule)));
        Assert.Equal(1_000, record.EventTimeMs);
    }

    [Theory]
    [InlineData("""{"who":"ann"}""", "has no 'user'")]
    [InlineData("""{"who":{"name":"ann","name":"bob"}}""", "'name' twice")]
    [InlineData("""{"who":{"name":"ann"},"who":{}}""", "'who' twice")]
    [InlineData("""{"who":{"name":5}}""", "'user' is no text")]
    [InlineData("""{"who":{"name":"a"},"data":{"x":1,"x":2}}""", "'any' is no value that can be read")]
    [InlineData("""{"who":{"name":"a"},"data":1e999}""", "'any' is no value that can be read")]
    [InlineData("""{"who":{"name":"a"}} x""", "not valid JSON")]
    [InlineData("""["who"]""", "not a JSON object")]
    public void BrokenEventsAreUnreadable(string json, string error) =>
        Assert.Contains(error, new DecisionEngine(Policy, "t", 0).Decide(json).Error);

    [Theory]
    [InlineData("user: { type: string, path: a..b }", "empty part")]
    [InlineData("user: { type: string, path: a, paths: [b] }", "there is a `path` as well")]
    [InlineData("user: { type: int, default: x }", "the default 'x' is no int")]
    [InlineData("user: { type: string, default: x, optional: false }", "a field with a default is optional")]
    public void WrongPathsAreRefused(string field, string message)
    {
        string yaml = $"name: n\nversion: \"1\"\nevent: {{ key: user, time: record, fields: {{ {field} }} }}\n"
            + "rules: [{ id: r, when: 'true', score: 1 }]\nfallback: { outcome: hold }\n";
        Assert.Contains(message, Assert.Throws<PolicyException>(() => PolicyBundle.Parse(new PolicySource("p", yaml))).Message);
    }
}
