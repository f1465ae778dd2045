using PipeRoll.Wire;

namespace PipeRoll.Broker.Admission;

/// <summary>One batch that asks to be let in.</summary>
/// <param name="Batch">The whole record batch, already checked (length, CRC); not to be kept.</param>
public readonly ref struct ProduceCandidate(string topic, int partition, string principal, ReadOnlySpan<byte> batch)
{
    public string Topic { get; } = topic;

    public int Partition { get; } = partition;

    /// <summary>Who produces, as Kafka prints principals: <c>User:name</c>.</summary>
    public string Principal { get; } = principal;

    public ReadOnlySpan<byte> Batch { get; } = batch;
}

/// <param name="Error"><see cref="KafkaError.None"/> lets the batch in.</param>
/// <param name="Message">What is wrong and what to do, for the producer.</param>
public readonly record struct AdmissionVerdict(KafkaError Error, string? Message)
{
    public static AdmissionVerdict Allowed { get; } = new(KafkaError.None, null);
}

/// <summary>
/// May this batch in? The seam through which policies guard topics without Broker knowing them: Server wires it.
/// </summary>
/// <remarks>Called by many threads, on the produce path, before the append: quick, without waiting.</remarks>
public interface IProduceAdmission
{
    AdmissionVerdict Admit(in ProduceCandidate candidate);
}

/// <summary>The default: everything may in.</summary>
public sealed class AdmitAll : IProduceAdmission
{
    public AdmissionVerdict Admit(in ProduceCandidate candidate) => AdmissionVerdict.Allowed;
}
