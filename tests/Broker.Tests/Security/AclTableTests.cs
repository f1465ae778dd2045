using CsCheck;
using PipeRoll.Broker.Security;

namespace PipeRoll.Broker.Tests.Security;

public sealed class AclTableTests
{
    private static readonly Gen<string> Names = OneOf("a", "ab", "abc", "b");

    private static readonly Gen<AclOperation> Operations = OneOf(
        AclOperation.Read, AclOperation.Write, AclOperation.Describe, AclOperation.DescribeConfigs, AclOperation.AlterConfigs);

    private static readonly Gen<AclEntry> Entries =
        from type in OneOf(ResourceType.Topic, ResourceType.Group)
        from pattern in OneOf(PatternType.Literal, PatternType.Prefixed)
        from name in Gen.OneOf(Names, OneOf("*"))
        from principal in OneOf("User:alice", "User:bob", AclNames.Everybody)
        from host in OneOf("*", "10.0.0.1")
        from operation in Gen.OneOf(Operations, OneOf(AclOperation.All))
        from permission in OneOf(AclPermission.Allow, AclPermission.Deny)
        select new AclEntry(type, name, pattern, principal, host, operation, permission);

    /// <summary>The index answers as a walk over all entries by Kafka's rules does.</summary>
    [Fact]
    public void The_table_says_what_the_entries_say() =>
        Gen.Select(Entries.List[0, 12], Names, Operations, OneOf("User:alice", "User:carol"), OneOf("10.0.0.1", "10.0.0.2")).Sample(
            (entries, name, operation, principal, host) =>
            {
                var question = new AccessQuestion(principal, host, operation, ResourceType.Topic, name);
                return new AclTable(entries).Ask(question) == ByTheBook(entries, question);
            });

    /// <summary>Whoever is allowed some name is allowed one of those that entries speak of.</summary>
    [Fact]
    public void Allowed_on_any_when_allowed_on_one() =>
        Gen.Select(Entries.List[0, 8], Operations).Sample((entries, operation) =>
        {
            var table = new AclTable(entries);
            bool onAny = table.AllowsOnAny("User:alice", "10.0.0.1", operation, ResourceType.Topic);
            bool onOne = entries.Select(entry => entry.Name).Concat(entries.Select(entry => entry.Name + "~")).Append("~~~")
                .Where(name => name != "*")
                .Any(name => ByTheBook(
                    entries, new AccessQuestion("User:alice", "10.0.0.1", operation, ResourceType.Topic, name)) == AclVerdict.Allowed);
            return onAny == onOne;
        });

    [Theory]
    [InlineData(PatternType.Literal, "orders", "l:orders")]
    [InlineData(PatternType.Prefixed, "ord", "p:ord")]
    [InlineData(PatternType.Any, "orders", "l:orders")]
    [InlineData(PatternType.Match, "orders", "l:orders l:* p:ord")]
    [InlineData(PatternType.Match, "ord", "l:* p:ord")]
    [InlineData(PatternType.Any, null, "l:orders l:* p:ord")]
    [InlineData(PatternType.Literal, null, "l:orders l:*")]
    public void Filters_match_by_pattern_type(PatternType pattern, string? name, string expected)
    {
        AclEntry[] entries = [Entry("orders", PatternType.Literal), Entry("*", PatternType.Literal), Entry("ord", PatternType.Prefixed)];
        var filter = new AclFilter(ResourceType.Topic, name, pattern, null, null, AclOperation.Any, AclPermission.Any);

        Assert.Equal(
            expected,
            string.Join(' ', entries.Where(filter.Matches).Select(entry => $"{(entry.Pattern == PatternType.Literal ? "l" : "p")}:{entry.Name}")));
    }

    private static AclEntry Entry(string name, PatternType pattern) =>
        new(ResourceType.Topic, name, pattern, "User:alice", "*", AclOperation.Read, AclPermission.Allow);

    private static AclVerdict ByTheBook(IEnumerable<AclEntry> entries, AccessQuestion question)
    {
        AclEntry[] named =
        [
            .. entries.Where(entry => entry.Type == question.Type && (entry.Pattern == PatternType.Prefixed
                ? question.Name.StartsWith(entry.Name, StringComparison.Ordinal)
                : entry.Name == "*" || entry.Name == question.Name)),
        ];
        AclEntry[] concerned =
        [
            .. named.Where(entry => (entry.Principal == question.Principal || entry.Principal == "User:*")
                && (entry.Host == "*" || entry.Host == question.Host)),
        ];
        if (concerned.Any(entry => entry.Permission == AclPermission.Deny && (entry.Operation == question.Operation || entry.Operation == AclOperation.All)))
        {
            return AclVerdict.Denied;
        }

        AclOperation[] allowing = question.Operation switch
        {
            AclOperation.Describe =>
                [AclOperation.Describe, AclOperation.Read, AclOperation.Write, AclOperation.Delete, AclOperation.Alter, AclOperation.All],
            AclOperation.DescribeConfigs => [AclOperation.DescribeConfigs, AclOperation.AlterConfigs, AclOperation.All],
            _ => [question.Operation, AclOperation.All],
        };
        return concerned.Any(entry => entry.Permission == AclPermission.Allow && allowing.Contains(entry.Operation)) ? AclVerdict.Allowed
            : named.Length > 0 ? AclVerdict.NotAllowed
            : AclVerdict.NotNamed;
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);
}
