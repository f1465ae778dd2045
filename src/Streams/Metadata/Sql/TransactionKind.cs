namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>What a transaction needs of the engine. One that has no other users (SQLite) gives all of them the same.</summary>
internal enum TransactionKind
{
    /// <summary>Reads one state of everything.</summary>
    Read,

    /// <summary>
    /// Decides by rows that it also changes, so that two of them that contradict each other change the same row. Such calls are
    /// frequent, and watching what they read would only make others try again.
    /// </summary>
    Narrow,

    /// <summary>The same, for what a broker lives by: it never queues behind transactions that take long.</summary>
    Heartbeat,

    /// <summary>As if it were alone.</summary>
    Write,

    /// <summary>As if it were alone, and it will write the log: such ones wait for each other instead of trying again.</summary>
    Control,
}
