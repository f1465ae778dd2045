namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>The whole conformance suite, without exception. PIPEROLL_CEL_CONFORMANCE=report counts by file.</summary>
public sealed class ConformanceTests
{
    private const int KnownCount = 2456;

    [Fact]
    public void EveryTestOfTheSuitePasses()
    {
        if (ConformanceSuite.Folder is not string folder)
        {
            Assert.Skip("The conformance suite is not here: shared/data/cel-conformance/json in a folder above the repository.");
            return;
        }

        List<ConformanceCase> cases = ConformanceSuite.Read(folder);
        Assert.True(cases.Count >= KnownCount, $"Only {cases.Count} tests were found; the suite had {KnownCount}.");
        (string Id, string? Problem)[] results = [.. cases.Select(test => (test.Id, ConformanceRunner.Run(test)))];
        if (Environment.GetEnvironmentVariable("PIPEROLL_CEL_CONFORMANCE") is { Length: > 0 })
        {
            foreach (IGrouping<string, (string Id, string? Problem)> file in results.GroupBy(result => result.Id[..result.Id.IndexOf('/')]))
            {
                Console.WriteLine($"{file.Key}: {file.Count(result => result.Problem is null)} of {file.Count()} pass");
            }
        }

        Assert.Empty(results.Where(result => result.Problem is not null).Select(result => $"{result.Id}: {result.Problem}"));
    }
}
