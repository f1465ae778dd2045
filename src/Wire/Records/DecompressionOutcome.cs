namespace PipeRoll.Wire.Records;

/// <summary>How decompressing bytes from outside ended.</summary>
public enum DecompressionOutcome
{
    Done,

    /// <summary>The bytes are not what the codec writes.</summary>
    Corrupt,

    /// <summary>The content is larger than the bound: a bomb, or a batch for which the bound is too small.</summary>
    TooLarge,

    /// <summary>The codec number has no meaning (KIP-110 ends at 4).</summary>
    UnknownCodec,
}
