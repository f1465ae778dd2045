using Confluent.Kafka;

namespace PipeRoll.EndToEnd.Tests.Cluster.Support;

/// <summary>How tests that look after a cluster come in.</summary>
/// <param name="NewHttp">Sends what its HTTP ports ask for.</param>
/// <param name="Client">Settings of a Kafka client, given where to begin.</param>
internal sealed record ClusterAccess(Func<HttpClient> NewHttp, Func<string, ClientConfig> Client)
{
    /// <summary>Where nobody is asked who he is.</summary>
    public static ClusterAccess Anybody { get; } = new(
        static () => new HttpClient(new SocketsHttpHandler { UseProxy = false }), static bootstrap => new ClientConfig { BootstrapServers = bootstrap });
}
