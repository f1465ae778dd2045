using Confluent.Kafka;
using PipeRoll.Workflows.Kafka;

namespace PipeRoll.Workflows.Deciding;

/// <summary>
/// How far a decision partition is. Committed offsets say the same while they are there; but a cluster forgets those of a group that was away
/// for a week, and anybody may reset them, and neither must make an event count twice.
/// </summary>
internal static class DecisionTail
{
    private const int FirstWindow = 16;

    /// <summary>The source offset of the last committed decision; null if there is none. Reads backwards from the end.</summary>
    public static long? NewestSource(LogReader log, TopicPartition decisions)
    {
        (long low, long to) = log.Bounds(decisions);
        for (long window = FirstWindow; to > low; window *= 8)
        {
            long from = Math.Max(low, to - window);
            long? newest = null;
            log.Read(decisions, from, to, record =>
            {
                newest = OutputHeaders.Source(record.Message.Headers) ?? newest;
                return true;
            });
            if (newest is not null)
            {
                return newest;
            }

            to = from;
        }

        return null;
    }
}
