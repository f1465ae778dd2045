using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Tests.Kafka;

public class MockClusterTests
{
    [Fact]
    public void Records_with_headers_survive_the_mock_in_order()
    {
        using var cluster = new MockCluster();
        cluster.CreateTopic("t", 3);
        using (var producer = KafkaClients.Producer(cluster.Connection.ProducerConfig("p"), NullLogger.Instance))
        {
            for (int i = 0; i < 1000; i++)
            {
                var headers = new Headers { { "n", [(byte)i] } };
                producer.Produce(new TopicPartition("t", i % 3), new Message<byte[]?, byte[]?> { Value = [(byte)i], Headers = headers });
            }

            producer.Flush(TimeSpan.FromSeconds(10));
        }

        using var consumer = new ConsumerBuilder<byte[], byte[]>(cluster.Connection.ConsumerConfig("c", "g")).Build();
        consumer.Subscribe("t");
        int seen = 0;
        while (seen < 1000)
        {
            ConsumeResult<byte[], byte[]>? result = consumer.Consume(TimeSpan.FromSeconds(10));
            Assert.NotNull(result);
            if (result.IsPartitionEOF)
            {
                continue;
            }

            Assert.Equal(result.Message.Value[0], result.Message.Headers.GetLastBytes("n")[0]);
            seen++;
        }

        consumer.Commit([new TopicPartitionOffset("t", 0, 5)]);
        Assert.Equal(5, consumer.Committed([new TopicPartition("t", 0)], TimeSpan.FromSeconds(5))[0].Offset.Value);
        consumer.Close();
    }
}
