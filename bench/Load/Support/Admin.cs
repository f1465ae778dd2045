using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace PipeRoll.Load;

internal static class Admin
{
    public static void CreateTopic(string bootstrap, string name, int partitions)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = bootstrap }).Build();
        admin.CreateTopicsAsync([new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = 1 }]).GetAwaiter().GetResult();
    }

    public static long EndOffset(string bootstrap, string topic, int partition)
    {
        using IConsumer<Ignore, Ignore> consumer = new ConsumerBuilder<Ignore, Ignore>(
            new ConsumerConfig { BootstrapServers = bootstrap, GroupId = "bench" }).Build();
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return consumer.QueryWatermarkOffsets(new TopicPartition(topic, partition), TimeSpan.FromSeconds(30)).High.Value;
            }
            catch (KafkaException opening) when (opening.Error.Code == ErrorCode.NotLeaderForPartition && attempt < 100)
            {
                // The server has just been started and opens its partitions.
                Thread.Sleep(TimeSpan.FromMilliseconds(100));
            }
        }
    }
}
