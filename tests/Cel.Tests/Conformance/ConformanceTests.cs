namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>
/// The conformance suite behind a list that can only grow: <c>passing.txt</c> names the tests that pass. Set
/// PIPEROLL_CEL_CONFORMANCE=update to rewrite it, =report to see every failure.
/// </summary>
public sealed class ConformanceTests
{
    private const string Switch = "PIPEROLL_CEL_CONFORMANCE";

    [Fact]
    public void WhatPassedStillPassesAndTheListIsComplete()
    {
        string? folder = ConformanceSuite.Folder;
        string? allowList = ConformanceSuite.AllowList;
        if (folder is null || allowList is null)
        {
            Assert.Skip("The conformance suite is not here: shared/data/cel-conformance/json in a folder above the repository.");
        }

        List<ConformanceCase> cases = ConformanceSuite.Read(folder);
        Dictionary<string, string?> results = cases.ToDictionary(test => test.Id, ConformanceRunner.Run);
        string[] passing = [.. results.Where(result => result.Value is null).Select(result => result.Key)];
        Report(results);
        if (Environment.GetEnvironmentVariable(Switch) == "update")
        {
            File.WriteAllLines(allowList, passing);
        }

        string[] listed = [.. File.ReadLines(allowList).Where(line => line.Length > 0)];
        string broken = string.Join('\n', listed.Except(passing).Select(id => $"{id}: {results.GetValueOrDefault(id, "no such test")}"));
        Assert.True(broken.Length == 0, $"These passed before:\n{broken}");
        string added = string.Join('\n', passing.Except(listed));
        Assert.True(added.Length == 0, $"These pass now; run with {Switch}=update to list them:\n{added}");
    }

    private static void Report(Dictionary<string, string?> results)
    {
        if (Environment.GetEnvironmentVariable(Switch) is not { Length: > 0 })
        {
            return;
        }

        foreach (IGrouping<string, KeyValuePair<string, string?>> file in results.GroupBy(result => result.Key[..result.Key.IndexOf('/')]))
        {
            int protobuf = file.Count(result => result.Value?.StartsWith("needs protobuf", StringComparison.Ordinal) == true);
            Console.WriteLine($"{file.Key}: {file.Count(result => result.Value is null)} of {file.Count()} pass, {protobuf} need protobuf");
            foreach ((string id, string? problem) in file.Where(result => result.Value is not null))
            {
                Console.WriteLine($"  {id}: {problem!.Split('\n')[0]}");
            }
        }
    }
}
