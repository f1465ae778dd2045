using Microsoft.Extensions.Logging;

namespace PipeRoll.Workflows.Kafka;

internal static partial class KafkaLog
{
    [LoggerMessage(1, LogLevel.Debug, "librdkafka {Facility}: {Line}")]
    public static partial void ClientLine(this ILogger log, string facility, string line);

    [LoggerMessage(2, LogLevel.Information, "Kafka client: {Code}: {Reason}")]
    public static partial void ClientError(this ILogger log, string code, string reason);
}
