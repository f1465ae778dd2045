using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Kafka;

/// <summary>Builds clients whose log lines go to our log (or nowhere), never to standard error by themselves.</summary>
public static class KafkaClients
{
    /// <summary>A producer of raw bytes. <paramref name="onFatal"/> hears of an error after which nothing more can be produced.</summary>
    public static IProducer<byte[]?, byte[]?> Producer(ProducerConfig config, ILogger log, Action<Error>? onFatal = null) =>
        new ProducerBuilder<byte[]?, byte[]?>(config)
            .SetLogHandler((_, message) => Relay(log, message))
            .SetErrorHandler((_, error) => OnError(log, error, onFatal))
            .Build();

    /// <summary>A builder of a consumer of raw bytes; the caller adds what it does on assignment.</summary>
    public static ConsumerBuilder<byte[]?, byte[]?> Consumer(ConsumerConfig config, ILogger log) =>
        new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetLogHandler((_, message) => Relay(log, message))
            .SetErrorHandler((_, error) => OnError(log, error, null));

    /// <summary>An admin client. <paramref name="onRefused"/> hears why a broker did not believe who it is.</summary>
    public static IAdminClient Admin(AdminClientConfig config, ILogger log, Action<string>? onRefused = null) =>
        new AdminClientBuilder(config)
            .SetLogHandler((_, message) => Relay(log, message))
            .SetErrorHandler((_, error) =>
            {
                if (error.Code == ErrorCode.Local_Authentication)
                {
                    onRefused?.Invoke(error.Reason);
                }

                OnError(log, error, null);
            })
            .Build();

    private static void OnError(ILogger log, Error error, Action<Error>? onFatal)
    {
        log.ClientError(error.Code.ToString(), error.Reason);
        if (error.IsFatal)
        {
            onFatal?.Invoke(error);
        }
    }

    private static void Relay(ILogger log, LogMessage message)
    {
        // librdkafka warns on every start that the gapless guarantee is experimental; we chose it for what is captured (KafkaConnection).
        if (message.Facility != "CONFWARN")
        {
            log.ClientLine(message.Facility, message.Message);
        }
    }
}
