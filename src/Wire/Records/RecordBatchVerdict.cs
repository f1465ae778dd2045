namespace PipeRoll.Wire.Records;

/// <summary>What validating the records of a produce request found.</summary>
/// <param name="Error"><see cref="KafkaError.None"/> if the batch may be appended.</param>
/// <param name="Reason">For the client, null if there is no error.</param>
/// <param name="RecordIndex">The record at fault (KIP-467), -1 if it is the batch.</param>
/// <param name="MaxTimestamp">
/// The largest timestamp that the records really have. If it is not the header's, correct it with
/// <see cref="RecordBatchPatch.SetMaxTimestamp"/>: time lookups and retention rely on it.
/// </param>
public readonly record struct RecordBatchVerdict(
    KafkaError Error, string? Reason, int RecordIndex, RecordBatchHeader Header, long MaxTimestamp)
{
    public bool IsValid => Error == KafkaError.None;

    internal static RecordBatchVerdict Refused(KafkaError error, string reason, int recordIndex = -1) =>
        new(error, reason, recordIndex, default, -1);
}
