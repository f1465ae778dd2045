using System.Buffers.Binary;
using System.Collections.Immutable;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Transactions;

/// <summary>
/// Keys and values of <c>__transaction_state</c> in Kafka's own formats (a version number, then the message), so that Kafka's tools read
/// ours and ours read Kafka's.
/// </summary>
internal static class TransactionLogCodec
{
    private const short KeyVersion = 0;
    private const short ValueVersion = 1;

    public static byte[] Key(string transactionalId) => WithVersion(new TransactionLogKey { TransactionalId = transactionalId }, KeyVersion);

    public static byte[] Value(TransactionRecord record) => WithVersion(
        new TransactionLogValue
        {
            ProducerId = record.ProducerId,
            PreviousProducerId = record.PreviousProducerId,
            NextProducerId = record.NextProducerId,
            ProducerEpoch = record.Epoch,
            TransactionTimeoutMs = record.TimeoutMs,
            TransactionStatus = (sbyte)record.Status,
            TransactionPartitions = record.Status == TransactionStatus.Empty ? null : PartitionsOf(record.Partitions),
            TransactionLastUpdateTimestampMs = record.UpdatedMs,
            TransactionStartTimestampMs = record.StartMs,
            ClientTransactionVersion = record.ClientVersion,
        },
        ValueVersion);

    /// <returns>The transactional id; null when the key is of a kind that we do not know.</returns>
    /// <exception cref="WireFormatException">The bytes are not what their version says.</exception>
    public static string? ReadKey(ReadOnlyMemory<byte> key)
    {
        if (VersionOf(key) != KeyVersion)
        {
            return null;
        }

        WireReader reader = new(key[sizeof(short)..]);
        return TransactionLogKey.Read(ref reader, KeyVersion).TransactionalId;
    }

    /// <exception cref="WireFormatException">The bytes are not what their version says.</exception>
    public static TransactionRecord ReadValue(ReadOnlyMemory<byte> bytes)
    {
        short version = VersionOf(bytes);
        WireReader reader = new(bytes[sizeof(short)..]);
        TransactionLogValue value = TransactionLogValue.Read(ref reader, version);
        var status = (TransactionStatus)value.TransactionStatus;
        if (status is < TransactionStatus.Empty or >= TransactionStatus.PrepareEpochFence)
        {
            throw new WireFormatException($"a transaction has the status {value.TransactionStatus}, which does not exist in the log");
        }

        return new TransactionRecord(
            value.ProducerId, value.ProducerEpoch, value.TransactionTimeoutMs, status,
            [
                .. (value.TransactionPartitions ?? []).SelectMany(
                    static topic => topic.PartitionIds, static (topic, index) => new TransactionPartition(topic.Topic, index)),
            ],
            value.TransactionStartTimestampMs, value.TransactionLastUpdateTimestampMs, value.PreviousProducerId, value.NextProducerId,
            LastEpoch: -1, value.ClientTransactionVersion);
    }

    private static List<TransactionLogValue.PartitionsSchema> PartitionsOf(ImmutableHashSet<TransactionPartition> partitions) =>
    [
        .. partitions
            .GroupBy(static partition => partition.Topic, StringComparer.Ordinal)
            .OrderBy(static topic => topic.Key, StringComparer.Ordinal)
            .Select(static topic => new TransactionLogValue.PartitionsSchema
            {
                Topic = topic.Key,
                PartitionIds = [.. topic.Select(static partition => partition.Partition).Order()],
            }),
    ];

    private static short VersionOf(ReadOnlyMemory<byte> bytes) => bytes.Length >= sizeof(short)
        ? BinaryPrimitives.ReadInt16BigEndian(bytes.Span)
        : throw new WireFormatException($"a record of the transaction log has {bytes.Length} bytes and so no version");

    private static byte[] WithVersion(IKafkaMessage message, short version)
    {
        byte[] body = ResponseFrame.ToBytes(message, version);
        byte[] all = new byte[sizeof(short) + body.Length];
        BinaryPrimitives.WriteInt16BigEndian(all, version);
        body.CopyTo(all, sizeof(short));
        return all;
    }
}
