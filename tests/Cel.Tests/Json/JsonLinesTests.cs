using System.Text.Json;
using System.Text.Json.Nodes;
using PipeRoll.Cel.Json;
using PipeRoll.Cel.Tests.Conformance;

namespace PipeRoll.Cel.Tests.Json;

public sealed class JsonLinesTests
{
    private static readonly CelJsonLines Lines = new(CelProtobuf.WellKnown, CelLimits.Default, []);

    [Theory]
    [InlineData("""{"id":1,"expr":"1 + 1"}""", """{"id":1,"value":{"int64Value":"2"},"type":"int"}""")]
    [InlineData(
        """{"id":"a","expr":"x + 1u","bindings":{"x":{"uint64Value":"18446744073709551614"}}}""",
        """{"id":"a","value":{"uint64Value":"18446744073709551615"},"type":"uint"}""")]
    [InlineData(
        """{"id":2,"expr":"x","bindings":{"x":{"value":{"doubleValue":"NaN"}}}}""",
        """{"id":2,"value":{"doubleValue":"NaN"},"type":"double"}""")]
    [InlineData(
        """{"id":3,"expr":"event.amount > 10.0 && event.tags[0] == 'é'","bindings":{"event":{"amount":10.5,"tags":["é"]}}"""
        + """}""",
        """{"id":3,"value":{"boolValue":true},"type":"bool"}""")]
    [InlineData(
        """{"expr":"[b'a', null, {'k': [1.5]}]"}""",
        """{"id":null,"value":{"listValue":{"values":[{"bytesValue":"YQ=="},{"nullValue":null},{"mapValue":{"entries":["""
        + """{"key":{"stringValue":"k"},"value":{"listValue":{"values":[{"doubleValue":1.5}]}}}]}}]}},"type":"list(dyn)"}""")]
    [InlineData("""{"id":[],"expr":"{}"}""", """{"id":[],"value":{"mapValue":{}},"type":"map(dyn, dyn)"}""")]
    [InlineData(
        """{"id":4,"expr":"[type(1), duration('1.5s'), timestamp(0)]"}""",
        """{"id":4,"value":{"listValue":{"values":[{"typeValue":"int"},{"objectValue":{"@type":"type.googleapis.com/googl"""
        + """e.protobuf.Duration","value":"1.5s"}},{"objectValue":{"@type":"type.googleapis.com/google.protobuf.Timestam"""
        + """p","value":"1970-01-01T00:00:00Z"}}]}},"type":"list(dyn)"}""")]
    [InlineData(
        """{"id":5,"expr":"optional.of(1)"}""",
        """{"id":5,"value":{"objectValue":{"@type":"optional_type","value":{"int64Value":"1"}}},"type":"optional_type(int"""
        + """)"}""")]
    [InlineData("""{"id":6,"expr":"ip('10.0.0.1')"}""", """{"id":6,"value":{"objectValue":{"@type":"net.IP","value":"10.0.0.1"}},"type":"net.IP"}""")]
    [InlineData("""{"id":7,"expr":"1 / x","bindings":{"x":0}}""", """{"id":7,"error":"division by zero"}""")]
    [InlineData("""{"id":8,"expr":"1 + 'a'"}""", null)]
    [InlineData("""{"id":9,"expr":"1 + dyn('a')","disableCheck":true}""", null)]
    [InlineData(
        """{"id":10,"expr":"f(x)","checkOnly":true,"typeEnv":[{"name":"x","ident":{"type":{"primitive":"INT64"}}},{"nam"""
        + """e":"f","function":{"overloads":[{"params":[{"primitive":"INT64"}],"resultType":{"listType":{"elemType":{"primi"""
        + """tive":"STRING"}}}}]}}]}""",
        """{"id":10,"type":"list(string)"}""")]
    [InlineData("""{"id":11,"expr":"b","container":"a","bindings":{"a.b":true}}""", """{"id":11,"value":{"boolValue":true},"type":"bool"}""")]
    [InlineData(
        """{"id":14,"expr":"1.0 == 1"}""",
        """{"id":14,"value":{"boolValue":true},"type":"bool","warning":"1:5: no overload matches ==(double, int) (numbers"""
        + """ of different types do not mix: convert one side with double(), int() or uint(), or write 5.0 or 5u for 5)"}""")]
    [InlineData("""{"id":15,"expr":"1.0 == 1","disableCheck":false}""", null)]
    [InlineData("""{"id":16,"expr":"1.0 == 1","typeEnv":[]}""", null)]
    [InlineData("""{"id":12,"expr":"x","bindings":{"x":{"int64Value":"many"}}}""", null)]
    [InlineData("""{"id":13,"expr":"x","typeEnv":[{"name":"x","ident":{"type":{"messageType":"acme.None"}}}]}""", null)]
    public void ALineIsAnswered(string request, string? answer)
    {
        string given = Lines.Evaluate(request, out bool isRequest);
        Assert.True(isRequest);
        if (answer is null)
        {
            Assert.NotEmpty(JsonNode.Parse(given)!["error"]!.GetValue<string>());
        }
        else
        {
            Assert.Equal(answer, given);
        }
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("[]")]
    [InlineData("{\"id\":1}")]
    [InlineData("{\"expr\":1}")]
    public void WhatIsNoRequestIsSaid(string line)
    {
        string answer = Lines.Evaluate(line, out bool isRequest);
        Assert.False(isRequest);
        Assert.NotEmpty(JsonNode.Parse(answer)!["error"]!.GetValue<string>());
    }

    [Fact]
    public void ProblemsAreInOneLine()
    {
        string error = JsonNode.Parse(Lines.Evaluate("{\"expr\":\"foo &&\\n 1 + 'a'\"}", out _))!["error"]!.GetValue<string>();
        Assert.StartsWith("1:1: undeclared reference to 'foo' (", error);
        Assert.Contains("2:4: no overload matches +(int, string)", error);
        Assert.DoesNotContain('\n', error);
    }

    /// <summary>What is written is what the suite would have written.</summary>
    [Fact]
    public void TheConformanceSuiteAsLines()
    {
        if (ConformanceSuite.Folder is not string folder)
        {
            Assert.Skip("The conformance suite is not here: shared/data/cel-conformance/json in a folder above the repository.");
            return;
        }

        var weak = new CelJsonLines(ConformanceMessages.Weak, CelLimits.Default, []);
        var strong = new CelJsonLines(ConformanceMessages.Strong, CelLimits.Default, []);
        var wrong = new List<string>();
        foreach (ConformanceCase test in ConformanceSuite.Read(folder))
        {
            string answer = (test.HasStrongEnums ? strong : weak).Evaluate(test.Json.GetRawText(), out _);
            using JsonDocument document = JsonDocument.Parse(answer);
            bool expectsError = test.Json.TryGetProperty("evalError", out _) || test.Id.EndsWith("compile_error", StringComparison.Ordinal);
            if (document.RootElement.TryGetProperty("error", out _) != expectsError || (!expectsError && !SameValue(test, document.RootElement)))
            {
                wrong.Add($"{test.Id}: {answer}");
            }
        }

        Assert.Empty(wrong);
    }

    private static bool SameValue(ConformanceCase test, JsonElement answer)
    {
        JsonElement expected = test.Json.TryGetProperty("value", out JsonElement value)
            ? value
            : test.Json.TryGetProperty("typedResult", out JsonElement typed) && typed.TryGetProperty("result", out JsonElement result)
                ? result
                : default;
        if (expected.ValueKind == JsonValueKind.Undefined)
        {
            return true;
        }

        CelProtobuf messages = test.HasStrongEnums ? ConformanceMessages.Strong : ConformanceMessages.Weak;
        return ConformanceValues.Same(CelJson.ReadTyped(answer.GetProperty("value"), messages), CelJson.ReadTyped(expected, messages));
    }
}
