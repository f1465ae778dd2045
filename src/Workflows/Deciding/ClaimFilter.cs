using Confluent.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// Reads one output partition forward and says which records count: those whose epoch is the newest claim before them. Everything else was
/// written by a worker that had already lost the partition. Owner: one reader of one partition, from the partition's start or from a place
/// whose newest claim is known (<see cref="OutputTail"/>).
/// </summary>
public sealed class ClaimFilter(long newestClaim = ClaimFilter.NoClaim)
{
    public const long NoClaim = -1;
    private long _newestClaim = newestClaim;

    /// <summary>How many records were ignored so far because a newer claim stood before them.</summary>
    public long Ignored { get; private set; }

    /// <summary>
    /// True with the event's source offset if the record counts. Where the log's beginning was deleted together with its claims, the first
    /// epoch seen is taken as claimed.
    /// </summary>
    public bool Admits(long offset, Headers? headers, out long sourceOffset)
    {
        sourceOffset = -1;
        if (OutputHeaders.IsClaim(headers))
        {
            _newestClaim = offset;
            return false;
        }

        if (OutputHeaders.Number(headers, OutputHeaders.Epoch) is not { } epoch
            || OutputHeaders.Number(headers, OutputHeaders.SourceOffset) is not { } source)
        {
            return false;
        }

        if (epoch < _newestClaim)
        {
            Ignored++;
            return false;
        }

        _newestClaim = epoch;
        sourceOffset = source;
        return true;
    }
}
