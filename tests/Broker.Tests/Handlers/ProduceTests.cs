using System.Buffers.Binary;
using PipeRoll.Broker.Admission;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Streams;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;
using PipeRoll.Wire.Records;

namespace PipeRoll.Broker.Tests.Handlers;

public sealed class ProduceTests
{
    [Fact]
    public async Task Records_that_are_not_sound_are_refused_and_cost_nothing_that_was_stored()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.CreateTopicAsync("t", 1, ("max.message.bytes", "2000"), ("message.timestamp.before.max.ms", "3600000"));
        await host.CreateTopicAsync("compacted", 1, ("cleanup.policy", "compact"));
        using RawClient client = await RawClient.ConnectAsync(host);
        byte[] damaged = Batches.Of(1);
        damaged[^1] ^= 1;
        Assert.Equal(KafkaError.CorruptMessage, await ErrorOf(client, "t", damaged));
        Assert.Equal(KafkaError.MessageTooLarge, await ErrorOf(client, "t", Batches.Of(1, valueBytes: 2_000)));
        Assert.Equal(KafkaError.InvalidTimestamp, await ErrorOf(client, "t", Batches.Of(1, timestamps: [4_000_000_000_000])));
        Assert.Equal(KafkaError.InvalidTimestamp, await ErrorOf(client, "t", Batches.Of(1, timestamps: [1_000_000_000_000])));
        Assert.Equal(KafkaError.InvalidRecord, await ErrorOf(client, "compacted", Batches.Of(2, withKeys: false)));
        Assert.Equal(KafkaError.InvalidRecord, await ErrorOf(client, "t", []));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, await ErrorOf(client, "absent", Batches.Of(1)));
        Assert.Equal(
            KafkaError.TransactionalIdAuthorizationFailed,
            await ErrorOf(client, "t", Batches.Of(1, producerId: 1, epoch: 0, sequence: 0, isTransactional: true)));
        ProduceResponse.PartitionProduceResponse keyless = await client.ProduceAsync("compacted", Batches.Of(1, withKeys: false));
        Assert.Equal(0, Assert.Single(keyless.RecordErrors).BatchIndex);
        // Clients send the others again, so every one at fault is named (KIP-467).
        keyless = await client.ProduceAsync("compacted", Batches.Of(3, withKeys: false));
        Assert.Equal([0, 1, 2], keyless.RecordErrors.Select(fault => fault.BatchIndex));
        Assert.All(keyless.RecordErrors, fault => Assert.Contains("has no key", fault.BatchIndexErrorMessage!, StringComparison.Ordinal));
        // One bad batch refuses all batches of its partition.
        Assert.Equal(KafkaError.CorruptMessage, await ErrorOf(client, "t", Batches.Joined(Batches.Of(1), damaged)));
        Assert.Equal(0, host.Services.Topics.Find("t", 0)!.NextOffset);
        Assert.Equal(0, (await client.ProduceAsync("t", Batches.Of(1))).BaseOffset);
        ProduceRequest acks = Requests.Produce("t", 0, Batches.Of(1), acks: 2);
        Assert.Equal(
            (short)KafkaError.InvalidRequiredAcks, (await client.CallAsync<ProduceRequest, ProduceResponse>(acks, 9)).Only().ErrorCode);
    }

    [Fact]
    public async Task The_brokers_time_is_written_into_the_batch_where_the_topic_wants_it()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        StreamId stream = (await host.CreateTopicAsync("t", 1, ("message.timestamp.type", "LogAppendTime"))).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        ProduceResponse.PartitionProduceResponse answer =
            await client.ProduceAsync("t", Batches.Of(3, producerId: 4, epoch: 0, sequence: 0, timestamps: [1, 2, 3]));
        StoredBatch stored = Assert.Single(host.Storage[stream].Batches);
        Assert.True(RecordBatchHeader.TryRead(stored.Bytes, out RecordBatchHeader header));
        Assert.True(header.IsLogAppendTime);
        Assert.Equal((answer.LogAppendTimeMs, answer.LogAppendTimeMs), (header.MaxTimestamp, stored.MaxTimestamp));
        Assert.InRange(answer.LogAppendTimeMs, Batches.Now - (10L * 365 * 86_400_000), long.MaxValue);
        using var decompressor = new RecordDecompressor();
        RecordBatchVerdict verdict = RecordBatchValidator.Validate(
            stored.Bytes, new RecordBatchRules { IsFromClient = false, KeepsProducerTime = false }, decompressor);
        Assert.Equal(KafkaError.None, verdict.Error);
        // A retry is told the same time.
        ProduceResponse.PartitionProduceResponse again =
            await client.ProduceAsync("t", Batches.Of(3, producerId: 4, epoch: 0, sequence: 0, timestamps: [1, 2, 3]));
        Assert.Equal((answer.BaseOffset, answer.LogAppendTimeMs), (again.BaseOffset, again.LogAppendTimeMs));
    }

    [Fact]
    public async Task A_largest_time_that_is_not_true_is_corrected()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        StreamId stream = (await host.CreateTopicAsync("t")).Partitions[0].Identity.Stream;
        using RawClient client = await RawClient.ConnectAsync(host);
        byte[] batch = Batches.Of(2, timestamps: [Batches.Now, Batches.Now + 5]);
        RecordBatchPatch.SetMaxTimestamp(batch, Batches.Now + 1_000_000);
        Assert.Equal(0, (await client.ProduceAsync("t", batch)).ErrorCode);
        StoredBatch stored = Assert.Single(host.Storage[stream].Batches);
        Assert.Equal(Batches.Now + 5, stored.MaxTimestamp);
        Assert.Equal(Batches.Now + 5, BinaryPrimitives.ReadInt64BigEndian(stored.Bytes.AsSpan(35)));
    }

    [Fact]
    public async Task Admission_may_refuse_a_batch_in_its_own_words()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(admission: new RefuseTopic("guarded"));
        await host.CreateTopicAsync("guarded");
        await host.CreateTopicAsync("open");
        using RawClient client = await RawClient.ConnectAsync(host);
        ProduceResponse.PartitionProduceResponse refused = await client.ProduceAsync("guarded", Batches.Of(1));
        Assert.Equal((short)KafkaError.PolicyViolation, refused.ErrorCode);
        Assert.Equal("User:ANONYMOUS may not", refused.ErrorMessage);
        Assert.Equal(0, (await client.ProduceAsync("open", Batches.Of(1))).ErrorCode);
    }

    [Fact]
    public async Task Internal_topics_are_written_by_the_broker_only()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        await host.Services.Topics.EnsureInternalAsync("__consumer_offsets", 1, new Dictionary<string, string>(), CancellationToken.None);
        using RawClient client = await RawClient.ConnectAsync(host);
        Assert.Equal(KafkaError.TopicAuthorizationFailed, await ErrorOf(client, "__consumer_offsets", Batches.Of(1)));
    }

    [Fact]
    public async Task An_idempotent_producer_gets_an_id_that_nobody_had_and_the_next_epoch_when_it_asks_again()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        var ids = new HashSet<long>();
        for (int start = 0; start < 3; start++)
        {
            using RawClient client = await RawClient.ConnectAsync(host);
            InitProducerIdResponse fresh = await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new() { TransactionalId = null }, 4);
            Assert.True(ids.Add(fresh.ProducerId));
            Assert.Equal(0, fresh.ProducerEpoch);
            InitProducerIdResponse bumped = await client.CallAsync<InitProducerIdRequest, InitProducerIdResponse>(
                new() { TransactionalId = null, ProducerId = fresh.ProducerId, ProducerEpoch = 3 }, 4);
            Assert.Equal((fresh.ProducerId, 4), (bumped.ProducerId, bumped.ProducerEpoch));
            await host.RestartAsync();
        }
    }

    private static async Task<KafkaError> ErrorOf(RawClient client, string topic, byte[] records) =>
        (KafkaError)(await client.ProduceAsync(topic, records)).ErrorCode;

    private sealed class RefuseTopic(string topic) : IProduceAdmission
    {
        public AdmissionVerdict Admit(in ProduceCandidate candidate) =>
            candidate.Topic == topic && candidate.Batch.Length > RecordBatchHeader.Bytes
                ? new AdmissionVerdict(KafkaError.PolicyViolation, $"{candidate.Principal} may not")
                : AdmissionVerdict.Allowed;
    }
}
