using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace PipeRoll.Wire.Tests.Generator;

public sealed class GenerationTests
{
    private const string Ping =
        "# Asks.\napi Ping key 9 versions 0-4 flexible 3+\nrequest\n  Name string?2+ 1-3 # Whose.\nresponse\n  Count int32 = -1\n";

    private const string Pong = "api Pong key 10 versions 0-1\nrequest\n  Old int8 0\nresponse\n  New int8 1+\n";

    [Fact]
    public void CommentsBecomeDocumentation()
    {
        string source = new GeneratorHost(new DefinitionText("Ping", Ping)).Source("PingRequest.g.cs");

        Assert.Contains("/// <summary>PingRequest, versions 0 to 4. Asks.</summary>", source);
        Assert.Contains("/// <summary>Versions 1 to 3. Whose.</summary>", source);
    }

    [Fact]
    public void AStructureThatMayBeNullHasAByteBeforeIt()
    {
        const string Page = "api Page key 11 versions 0-1 flexible 0+\nrequest\n  From Cursor? = null\n    Name string\nresponse\n  To End?1+\n    At int32\n";
        var host = new GeneratorHost(new DefinitionText("Page", Page));

        Assert.Contains("value.From = (reader.ReadInt8() < 0 ? null : Cursor.Read(ref reader, version));", host.Source("PageRequest.g.cs"));
        Assert.Contains("writer.WriteInt8(-1);", host.Source("PageRequest.g.cs"));
        Assert.Contains(
            "version >= 1 ? (reader.ReadInt8() < 0 ? null : End.Read(ref reader, version)) : End.Read(ref reader, version)",
            host.Source("PageResponse.g.cs"));
    }

    [Fact]
    public void ResponsesCountTheirErrorsWhereverTheyStand()
    {
        const string Deep = "api Deep key 12 versions 0\nrequest\n  A int8\nresponse\n  ThrottleTimeMs int32\n  ErrorCode int16\n"
            + "  Items [Item]?\n    Inner [Part]\n      ErrorCode int16\n  Plain [Plain1]\n    B int8\n";
        string source = new GeneratorHost(new DefinitionText("Deep", Deep)).Source("DeepResponse.g.cs");

        Assert.Contains("IKafkaResponse, IKafkaMessage<DeepResponse>, IThrottledResponse", source);
        Assert.Contains("foreach (Item itemsItem in Items ?? [])", source);
        Assert.Contains("foreach (Part innerItem in Inner)", source);
        Assert.DoesNotContain("foreach (Plain1 plainItem in Plain)\n            {\n                plainItem.CountErrors", source);
    }

    [Fact]
    public void VersionsBecomeBranches()
    {
        var host = new GeneratorHost(new DefinitionText("Ping", Ping), new DefinitionText("Pong", Pong));

        Assert.Contains("if (version is >= 1 and <= 3)", host.Source("PingRequest.g.cs"));
        Assert.Contains(
            "version >= 2 ? reader.ReadNullableString(compact: flexible) : reader.ReadString(compact: flexible)",
            host.Source("PingRequest.g.cs"));
        Assert.Contains("if (version == 0)", host.Source("PongRequest.g.cs"));
        Assert.DoesNotContain("flexible", host.Source("PongRequest.g.cs"), StringComparison.Ordinal);
        Assert.Contains("Count { get; set; } = -1;", host.Source("PingResponse.g.cs"));
    }

    [Fact]
    public void TheTableHasEveryApi()
    {
        var host = new GeneratorHost(new DefinitionText("Pong", Pong), new DefinitionText("Ping", Ping));

        Assert.Contains("new(ApiKey.Ping, nameof(ApiKey.Ping), 0, 0, 4, 3),", host.Source("ApiVersionsTable.g.cs"));
        Assert.Contains("Pong = 10,", host.Source("ApiKey.g.cs"));
    }

    [Fact]
    public void AllSourcesAreValidCSharp()
    {
        var host = new GeneratorHost(new DefinitionText("Ping", Ping), new DefinitionText("Pong", Pong));

        foreach (GeneratedSourceResult source in host.Result.GeneratedSources)
        {
            SyntaxTree tree = CSharpSyntaxTree.ParseText(source.SourceText, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Empty(tree.GetDiagnostics(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public void OnlyTheFileThatChangedIsGeneratedAnew()
    {
        var ping = new DefinitionText("Ping", Ping);
        var host = new GeneratorHost(ping, new DefinitionText("Pong", Pong));

        host.Replace(ping, new DefinitionText("Ping", Ping.Replace("Count", "Number", StringComparison.Ordinal)));

        Assert.Equal(1, host.OutputReasons().Count(reason => reason == IncrementalStepRunReason.Modified));
        Assert.Equal(2, host.OutputReasons().Count(IsReused));
        Assert.Contains("Number", host.Source("PingResponse.g.cs"));
    }

    [Fact]
    public void AnEditThatChangesNothingGeneratesNothing()
    {
        var ping = new DefinitionText("Ping", Ping);
        var host = new GeneratorHost(ping, new DefinitionText("Pong", Pong));

        host.Replace(ping, new DefinitionText("Ping", Ping.Replace("int32 = -1", "int32    = -1", StringComparison.Ordinal)));

        Assert.All(host.OutputReasons(), reason => Assert.True(IsReused(reason)));
    }

    private static bool IsReused(IncrementalStepRunReason reason) =>
        reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged;
}
