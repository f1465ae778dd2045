using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>One server for the tests of a class; each test takes topics of its own.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private ServerProcess? _server;
    private int _topics;

    internal ServerProcess Server => _server ?? throw new InvalidOperationException("the server was not started");

    public string Bootstrap => Server.Bootstrap;

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(_folder.Path);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    public async Task<string> CreateTopicAsync(int partitions = 1, Dictionary<string, string>? configs = null)
    {
        string topic = $"topic-{Interlocked.Increment(ref _topics)}";
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Bootstrap }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = 1, Configs = configs }]);
        return topic;
    }
}
