namespace PipeRoll.Operations.Api;

/// <summary><c>GET /api/v1/storage/audit</c> and <c>POST /api/v1/storage/repair</c>: the store compared with the metadata.</summary>
/// <param name="Objects">Committed objects that were found in order.</param>
/// <param name="Bytes">Their sizes.</param>
/// <param name="LogObjects">Objects of write-ahead logs that may still be needed.</param>
/// <param name="Findings">What was not; empty when all is well.</param>
/// <param name="Repaired">Keys that a repair deleted; empty for an audit.</param>
public sealed record AuditReport(
    int Objects, long Bytes, int LogObjects, long LogBytes, IReadOnlyList<AuditFinding> Findings, IReadOnlyList<string> Repaired)
{
    /// <summary>Nothing is wrong (any more).</summary>
    public bool IsClean => Findings.Count == 0;
}

/// <param name="Kind"><c>orphan</c>: stored, but nobody knows it; <c>missing</c>: known, but not stored as it was: lost data.</param>
/// <param name="Detail">What is known of it; null when the key says all.</param>
public sealed record AuditFinding(string Kind, string Key, string? Detail);
