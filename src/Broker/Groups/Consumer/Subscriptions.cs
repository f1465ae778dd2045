using System.Collections.Immutable;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>Which topics the members of a group subscribe to, by name and by expression, of those that there are now.</summary>
/// <remarks>
/// Owner: one group, under its lock. Expressions are compared with the topics anew only when those have changed; what a member may know of
/// is asked with each of its heartbeats, for rights change too.
/// </remarks>
internal sealed class Subscriptions(ITopicImage image)
{
    private readonly Dictionary<string, (TopicPattern Pattern, ImmutableSortedSet<string> Topics, long Version)> _patterns =
        new(StringComparer.Ordinal);

    /// <summary>Of the topics that the group last looked at; <see cref="long.MinValue"/> before it has.</summary>
    public long SeenVersion { get; private set; } = long.MinValue;

    public bool IsStale => SeenVersion != image.Version;

    /// <summary>The topics that are subscribed to, as of the last <see cref="Look"/>.</summary>
    public ImmutableHashSet<string> Topics { get; private set; } = ImmutableHashSet.Create<string>(StringComparer.Ordinal);

    /// <summary>Looks at topics and members now. Returns a number that is another one when what is subscribed to has changed.</summary>
    public long Look(IEnumerable<ConsumerMember> members)
    {
        long version = image.Version;
        SortedSet<string> names = new(StringComparer.Ordinal);
        HashSet<string> used = new(StringComparer.Ordinal);
        foreach (ConsumerMember member in members)
        {
            names.UnionWith(member.TopicNames);
            if (member.TopicRegex is { Length: > 0 } regex)
            {
                used.Add(regex);
                Resolve(member);
            }

            names.UnionWith(member.MatchedTopics);
        }

        foreach (string unused in _patterns.Keys.Where(pattern => !used.Contains(pattern)).ToArray())
        {
            _patterns.Remove(unused);
        }

        Topics = names.ToImmutableHashSet(StringComparer.Ordinal);
        SeenVersion = version;
        return HashOf(names);
    }

    /// <summary>The topics of one member that exist, in the order of their names.</summary>
    public IReadOnlyList<TopicFacts> Of(ConsumerMember member)
    {
        return [.. member.TopicNames.Union(member.MatchedTopics)
            .Select(image.Find).Where(static topic => topic is not null).Select(static topic => topic!.Value)];
    }

    /// <summary>Finds out what the member's expression stands for now. True when that is something else than before.</summary>
    public bool Resolve(ConsumerMember member)
    {
        ImmutableSortedSet<string> matched = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
        if (member.TopicRegex is { Length: > 0 } regex)
        {
            Func<string, bool> maySee = member.MayDescribe ?? WasGiven(member);
            ImmutableSortedSet<string> all = Matching(regex);
            matched = all.All(maySee) ? all : all.Where(maySee).ToImmutableSortedSet(StringComparer.Ordinal);
        }

        bool changes = !matched.SetEquals(member.MatchedTopics);
        member.MatchedTopics = matched;
        return changes;
    }

    /// <summary>Of a member that has not been heard of yet, here: it may know of what it has, or is to have.</summary>
    private Func<string, bool> WasGiven(ConsumerMember member)
    {
        HashSet<Guid> given = [.. member.Target.Concat(member.Assigned.Keys).Select(static partition => partition.Topic)];
        return name => image.Find(name) is { } topic && given.Contains(topic.Id);
    }

    private ImmutableSortedSet<string> Matching(string regex)
    {
        long version = image.Version;
        if (_patterns.TryGetValue(regex, out (TopicPattern Pattern, ImmutableSortedSet<string> Topics, long Version) known)
            && known.Version == version)
        {
            return known.Topics;
        }

        TopicPattern? pattern = known.Pattern ?? TopicPattern.TryCreate(regex, out _);
        if (pattern is null)
        {
            // Of a record that somebody else wrote: nothing is known to match.
            return ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
        }

        var topics = image.All.Select(static topic => topic.Name).Where(pattern.IsMatch).ToImmutableSortedSet(StringComparer.Ordinal);
        _patterns[regex] = (pattern, topics, version);
        return topics;
    }

    /// <summary>FNV-1a over name, id and partition count of each topic.</summary>
    private long HashOf(SortedSet<string> names)
    {
        ulong hash = 14695981039346656037UL;
        void Add(ReadOnlySpan<byte> bytes)
        {
            foreach (byte value in bytes)
            {
                hash = unchecked((hash ^ value) * 1099511628211UL);
            }
        }

        foreach (string name in names)
        {
            if (image.Find(name) is { } topic)
            {
                Add(System.Text.Encoding.UTF8.GetBytes($"{name}\n{topic.Id:N}\n{topic.Partitions}\n"));
            }
        }

        return unchecked((long)hash);
    }
}
