using PipeRoll.Wire;

namespace PipeRoll.Broker.Partitions;

/// <summary>How an append ended.</summary>
/// <param name="Error"><see cref="KafkaError.None"/>: the records are durable.</param>
/// <param name="Message">For the client: what is wrong and what to do; null when all is well.</param>
/// <param name="BaseOffset">Of the first record; -1 on error.</param>
/// <param name="LogAppendTimeMs">The broker's time in the records, or -1 when they keep their producer's.</param>
/// <param name="LogStartOffset">First readable offset of the partition, -1 when it is not known.</param>
/// <param name="LacksPermit">The records would begin a transaction, and nobody has confirmed that they may.</param>
internal readonly record struct AppendResult(
    KafkaError Error, string? Message, long BaseOffset, long LogAppendTimeMs, long LogStartOffset, bool LacksPermit = false)
{
    public static AppendResult Failed(KafkaError error, string message) => new(error, message, -1, -1, -1);
}
