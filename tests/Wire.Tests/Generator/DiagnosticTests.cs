using Microsoft.CodeAnalysis;
using PipeRoll.Wire.Generator;

namespace PipeRoll.Wire.Tests.Generator;

/// <summary>A wrong definition is said to be wrong, with the line and the column (both counted from 1).</summary>
public sealed class DiagnosticTests
{
    private const string Head = "api Ping key 9 versions 0-4 flexible 3+\nrequest\n";

    [Theory]
    [InlineData("  Name strin", Rules.UnknownType, 3, 8)]
    [InlineData("  Name [strin]", Rules.UnknownType, 3, 8)]
    [InlineData("  Name Missing", Rules.UnknownType, 3, 8)]
    [InlineData("  Name", Rules.Syntax, 3, 3)]
    [InlineData("  name string", Rules.Syntax, 3, 3)]
    [InlineData("  Name string whatever", Rules.Syntax, 3, 15)]
    [InlineData("  Name string @x", Rules.Syntax, 3, 15)]
    [InlineData("   Name string", Rules.Syntax, 3, 1)]
    [InlineData("\tName string", Rules.Syntax, 3, 1)]
    [InlineData("  Name string 5+", Rules.Versions, 3, 15)]
    [InlineData("  Name string 3-7", Rules.Versions, 3, 15)]
    [InlineData("  Name string 3-2", Rules.Versions, 3, 15)]
    [InlineData("  Name string?9+", Rules.Versions, 3, 8)]
    [InlineData("  Name string 2+ @0", Rules.Versions, 3, 3)]
    [InlineData("  Name string 3+ @1", Rules.Value, 3, 3)]
    [InlineData("  Count int8 = 128", Rules.Value, 3, 16)]
    [InlineData("  Name string = null", Rules.Value, 3, 17)]
    [InlineData("  Count int32\n  Count int32", Rules.Duplicate, 4, 3)]
    [InlineData("  One int8 3+ @0\n  Two int8 3+ @0", Rules.Duplicate, 4, 3)]
    [InlineData("  Item Item\n    Name string", Rules.Duplicate, 3, 3)]
    [InlineData("  Count int32?", Rules.Placement, 3, 9)]
    [InlineData("  Count int32 name", Rules.Placement, 3, 9)]
    [InlineData("  Count int32\n    Name string", Rules.Placement, 4, 5)]
    [InlineData("  All [records]", Rules.Placement, 3, 7)]
    public void AWrongFieldIsPlaced(string fields, string rule, int line, int column) =>
        AssertPlaced(Head + fields + "\n", rule, line, column);

    [Theory]
    [InlineData("apis Ping key 9 versions 0-4", Rules.Syntax, 1, 1)]
    [InlineData("api Ping versions 0-4", Rules.Syntax, 1, 1)]
    [InlineData("api Ping key 9 versions 4-0", Rules.Versions, 1, 25)]
    [InlineData("api Ping key 9 versions 0-4 flexible", Rules.Syntax, 1, 29)]
    [InlineData("api Ping key 9 versions 0-4 flexible 3", Rules.Versions, 1, 38)]
    [InlineData("request\n  Name string", Rules.Placement, 1, 1)]
    [InlineData("  Name string", Rules.Syntax, 1, 3)]
    [InlineData("message Ping flexible 1+\n  Name string", Rules.Syntax, 1, 1)]
    [InlineData("api A key 1 versions 0\napi B key 2 versions 0", Rules.Duplicate, 2, 1)]
    [InlineData("message A versions 0\n  N int8\nmessage A versions 0\n  N int8", Rules.Duplicate, 3, 1)]
    public void AWrongHeadIsPlaced(string text, string rule, int line, int column) => AssertPlaced(text, rule, line, column);

    [Fact]
    public void OneKeyOfTwoApisIsRefused()
    {
        var host = new GeneratorHost(
            new DefinitionText("A", "api A key 1 versions 0\nrequest\n  N int8\n"),
            new DefinitionText("B", "api B key 1 versions 0\nrequest\n  N int8\n"));

        Diagnostic diagnostic = Assert.Single(host.Diagnostics);
        Assert.Equal((Rules.Duplicate, "A and B both have the key 1"), (diagnostic.Id, diagnostic.GetMessage()));
    }

    [Fact]
    public void EveryMistakeOfAFileIsReportedAtOnce()
    {
        var host = new GeneratorHost(new DefinitionText("Ping", Head + "  One strin\n  Two int8 9+\n  Three int8 = x\n"));

        Assert.Equal([Rules.UnknownType, Rules.Versions, Rules.Value], host.Diagnostics.Select(diagnostic => diagnostic.Id));
        Assert.Equal([2, 3, 4], host.Diagnostics.Select(diagnostic => diagnostic.Location.GetLineSpan().StartLinePosition.Line));
    }

    private static void AssertPlaced(string text, string rule, int line, int column)
    {
        var host = new GeneratorHost(new DefinitionText("Ping", text));

        Diagnostic diagnostic = Assert.Single(host.Diagnostics);
        FileLinePositionSpan place = diagnostic.Location.GetLineSpan();
        Assert.Equal(
            (rule, "/definitions/Ping.kafka", line, column),
            (diagnostic.Id, place.Path, place.StartLinePosition.Line + 1, place.StartLinePosition.Character + 1));
        Assert.DoesNotContain(host.Result.GeneratedSources, source => source.HintName == "PingRequest.g.cs");
    }
}
