namespace PipeRoll.Wire.Records;

/// <summary>What validating the records of a produce request found.</summary>
/// <param name="Error"><see cref="KafkaError.None"/> if the batch may be appended.</param>
/// <param name="Reason">For the client, null if there is no error.</param>
/// <param name="RecordIndex">The first record at fault (KIP-467), -1 if it is the batch.</param>
/// <param name="MaxTimestamp">
/// The largest timestamp that the records really have. If it is not the header's, correct it with
/// <see cref="RecordBatchPatch.SetMaxTimestamp"/>: time lookups and retention rely on it.
/// </param>
public readonly record struct RecordBatchVerdict(
    KafkaError Error, string? Reason, int RecordIndex, RecordBatchHeader Header, long MaxTimestamp)
{
    public bool IsValid => Error == KafkaError.None;

    /// <summary>
    /// Every record that the topic's rules refuse, up to <see cref="RecordBatchValidator.FaultsMax"/>: clients send the others again
    /// (KIP-467). Empty when the batch as a whole is at fault.
    /// </summary>
    public IReadOnlyList<RecordFault> Faults { get; init; } = [];

    internal static RecordBatchVerdict Refused(KafkaError error, string reason, int recordIndex = -1) =>
        new(error, reason, recordIndex, default, -1);

    internal static RecordBatchVerdict Refused(List<RecordFault> faults)
    {
        RecordFault first = faults[0];
        string more = faults.Count == 1 ? "" : $", and {faults.Count - 1} more records are refused";
        // One error stands for all; as with Kafka, a wrong time comes first.
        KafkaError error = faults.Exists(static fault => fault.Error == KafkaError.InvalidTimestamp)
            ? KafkaError.InvalidTimestamp
            : first.Error;
        return new RecordBatchVerdict(error, first.Reason + more, first.RecordIndex, default, -1) { Faults = faults };
    }
}

/// <summary>One record that a topic does not take.</summary>
/// <param name="RecordIndex">Its place in the batch, from 0.</param>
public readonly record struct RecordFault(int RecordIndex, KafkaError Error, string Reason);
