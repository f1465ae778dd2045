using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace PipeRoll.Broker.Groups;

/// <summary>
/// The topics named in a consumer's subscription (Kafka's ConsumerProtocolSubscription). Only the part that every
/// version starts with is read: version, then the array of topic names.
/// </summary>
internal static class ConsumerSubscription
{
    /// <summary>The protocol type of consumer groups, as against Connect's or a user's own.</summary>
    public const string ProtocolType = "consumer";

    /// <summary>All topics of the group; null when it is no consumer group or a subscription can't be read.</summary>
    public static ImmutableHashSet<string>? TopicsOf(MemberTable members, string? protocolName)
    {
        if (members.ProtocolType != ProtocolType || (members.Count > 0 && protocolName is null))
        {
            return null;
        }

        ImmutableHashSet<string>.Builder topics = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        foreach (Member member in members.All)
        {
            if (!TryRead(member.MetadataFor(protocolName!).Span, topics))
            {
                return null;
            }
        }

        return topics.ToImmutable();
    }

    private static bool TryRead(ReadOnlySpan<byte> subscription, ImmutableHashSet<string>.Builder topics)
    {
        if (subscription.Length < 6)
        {
            return false;
        }

        int count = BinaryPrimitives.ReadInt32BigEndian(subscription[2..]);
        ReadOnlySpan<byte> rest = subscription[6..];
        for (int index = 0; index < count; index++)
        {
            if (rest.Length < 2)
            {
                return false;
            }

            int length = BinaryPrimitives.ReadInt16BigEndian(rest);
            if (length < 0 || rest.Length < 2 + length)
            {
                return false;
            }

            topics.Add(Encoding.UTF8.GetString(rest.Slice(2, length)));
            rest = rest[(2 + length)..];
        }

        return count >= 0;
    }
}
