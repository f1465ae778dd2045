using System.Text;
using PipeRoll.Broker.Handlers;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Handlers;

/// <summary>docs/COMPATIBILITY.md says what is served. To write the section anew: PIPEROLL_WRITE_DOCS=1.</summary>
public sealed class CompatibilityDocumentTests
{
    private const string Begin = "<!-- versions: made from the broker's table -->";
    private const string End = "<!-- end of the versions -->";

    [Fact]
    public async Task The_section_of_versions_is_that_of_the_broker()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        string path = Path.Combine(Root(), "docs", "COMPATIBILITY.md");
        string document = await File.ReadAllTextAsync(path);
        int from = document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int to = document.IndexOf(End, StringComparison.Ordinal);
        string section = $"\n\n{Table(host.Broker.Handlers!)}\n";
        if (Environment.GetEnvironmentVariable("PIPEROLL_WRITE_DOCS") == "1")
        {
            await File.WriteAllTextAsync(path, document[..from] + section + document[to..]);
            return;
        }

        Assert.Equal(section, document[from..to]);
    }

    private static string Table(HandlerTable handlers)
    {
        var text = new StringBuilder("| key | API | told | served |\n|---|---|---|---|\n");
        foreach (ApiVersionsResponse.ApiVersion api in handlers.SupportedVersions(KafkaError.None).ApiKeys)
        {
            ApiSupport support = handlers.Find(api.ApiKey)!.Value.Api;
            text.Append($"| {api.ApiKey} | {support.Name} | {Range(api.MinVersion, api.MaxVersion)} | {Range(support.ServedMin, support.MaxVersion)} |\n");
        }

        return text.ToString();
    }

    private static string Range(short from, short to) => from == to ? $"{from}" : $"{from}-{to}";

    private static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "PipeRoll.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException("PipeRoll.slnx is not above the test's own folder");
    }
}
