using System.Globalization;
using PipeRoll.Operations.Api;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Http;

/// <summary>The audit of what is stored, in the words of the HTTP API.</summary>
internal static class StorageAudits
{
    /// <param name="grace">A repair leaves alone what is younger: it may be an upload on its way.</param>
    public static async ValueTask<AuditReport> RunAsync(
        IObjectStore store, IMetadataStore metadata, TimeSpan grace, bool isRepair, CancellationToken cancellation)
    {
        if (!isRepair)
        {
            return Of(await StorageAudit.RunAsync(store, metadata, cancellation));
        }

        return Of(await StorageAudit.RepairAsync(store, metadata, grace, TimeProvider.System, cancellation));
    }

    public static AuditReport Of(StorageAuditReport report) => new(
        report.Objects, report.Bytes, report.LogObjects, report.LogBytes,
        [
            .. report.MissingDetails.Select(lost => new AuditFinding("missing", lost.Key, lost.ToString())),
            .. report.OrphanDetails.Select(orphan => new AuditFinding("orphan", orphan.Key, Describe(orphan))),
        ],
        []);

    /// <summary>What is left to be found after the repair.</summary>
    public static AuditReport Of(StorageRepairReport repair)
    {
        AuditReport before = Of(repair.Report);
        HashSet<string> deleted = [.. repair.Deleted];
        return before with
        {
            Findings =
            [
                .. before.Findings.Where(finding => finding.Kind == "missing" || !deleted.Contains(finding.Key))
                    .Select(finding => finding.Kind == "missing" ? finding : finding with { Detail = finding.Detail + "; left: it is young" }),
            ],
            Repaired = repair.Deleted,
        };
    }

    private static string Describe(OrphanObject orphan) => string.Create(
        CultureInfo.InvariantCulture,
        $"{orphan.Bytes} bytes{(orphan.StoredAt is { } at ? $", stored {at:u}" : "")}: nobody knows it, --repair deletes it when it is old");
}
