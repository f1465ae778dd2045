namespace PipeRoll.Cel;

/// <summary>What a <see cref="CelValue"/> holds at run time.</summary>
public enum CelKind : byte
{
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    List,
    Map,
    Struct,
    Type,
    Optional,
    Error,
}
