namespace PipeRoll.Policies;

/// <summary>A snapshot cannot be used: its bytes are damaged, or it belongs to another policy or partition.</summary>
public class SnapshotException(string message) : Exception(message);

/// <summary>The bytes of a snapshot are not what was written. Fold the partition from an older snapshot, or from its start.</summary>
public sealed class CorruptSnapshotException(string message) : SnapshotException(message);
