namespace PipeRoll.Broker.Groups.Offsets;

/// <summary>A record of the offsets topic.</summary>
/// <param name="Value">Null deletes the key.</param>
/// <param name="By">Who caused it; null for the broker itself.</param>
public readonly record struct GroupLogRecord(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value, Committer? By = null);
