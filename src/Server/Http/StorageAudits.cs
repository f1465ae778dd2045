using PipeRoll.Operations.Api;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Server.Http;

/// <summary>The audit of what is stored, in the words of the HTTP API.</summary>
internal static class StorageAudits
{
    public static async ValueTask<AuditReport> RunAsync(
        IObjectStore store, IMetadataStore metadata, bool isRepair, CancellationToken cancellation)
    {
        _ = isRepair;
        return Of(await StorageAudit.RunAsync(store, metadata, cancellation), []);
    }

    public static AuditReport Of(StorageAuditReport report, IReadOnlyList<string> repaired) => new(
        report.Objects,
        [
            .. report.Missing.Select(key => new AuditFinding("missing", key, "committed, but not stored or of another size")),
            .. report.Orphans.Select(key => new AuditFinding("orphan", key, null)),
        ],
        repaired);
}
