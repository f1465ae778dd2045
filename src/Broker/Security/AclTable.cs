namespace PipeRoll.Broker.Security;

internal enum AclVerdict
{
    /// <summary>Entries name the resource, and none lets this in.</summary>
    NotAllowed,
    Allowed,
    Denied,

    /// <summary>No entry names the resource.</summary>
    NotNamed,
}

/// <summary>All entries, found by the resource that is asked about. Immutable; pure.</summary>
/// <remarks>A question costs one look-up per length of prefix that there is an entry for, never a walk over all entries.</remarks>
internal sealed class AclTable
{
    private readonly Dictionary<ResourceType, TypeEntries> _types;

    public AclTable(IEnumerable<AclEntry> entries)
    {
        All = [.. entries];
        _types = All.GroupBy(entry => entry.Type).ToDictionary(group => group.Key, group => new TypeEntries(group));
    }

    public IReadOnlyList<AclEntry> All { get; }

    /// <summary>Whoever is denied is denied, whatever else allows it.</summary>
    public AclVerdict Ask(in AccessQuestion question) =>
        _types.TryGetValue(question.Type, out TypeEntries? entries) ? entries.Ask(question) : AclVerdict.NotNamed;

    /// <summary>Whether there is a name of which the principal is allowed this: one that an entry allows and no other takes away whole.</summary>
    public bool AllowsOnAny(string principal, string host, AclOperation operation, ResourceType type) =>
        _types.TryGetValue(type, out TypeEntries? entries) && entries.AllowsOnAny(principal, host, operation);

    private sealed class TypeEntries
    {
        private readonly AclEntry[] _wildcards;
        private readonly Dictionary<string, AclEntry[]> _literals;
        private readonly Dictionary<string, AclEntry[]> _prefixes;
        private readonly Dictionary<string, AclEntry[]>.AlternateLookup<ReadOnlySpan<char>> _prefixesBySpan;
        private readonly int[] _prefixLengths;

        public TypeEntries(IEnumerable<AclEntry> entries)
        {
            ILookup<bool, AclEntry> byKind = entries.ToLookup(entry => entry.Pattern == PatternType.Prefixed);
            _wildcards = [.. byKind[false].Where(entry => entry.Name == AclNames.Wildcard)];
            _literals = Index(byKind[false].Where(entry => entry.Name != AclNames.Wildcard));
            _prefixes = Index(byKind[true]);
            _prefixesBySpan = _prefixes.GetAlternateLookup<ReadOnlySpan<char>>();
            _prefixLengths = [.. _prefixes.Keys.Select(prefix => prefix.Length).Distinct().Order()];
        }

        public AclVerdict Ask(in AccessQuestion question)
        {
            AclVerdict verdict = Look(_wildcards, question, AclVerdict.NotNamed);
            if (verdict != AclVerdict.Denied && _literals.TryGetValue(question.Name, out AclEntry[]? literal))
            {
                verdict = Look(literal, question, verdict);
            }

            return LookAtPrefixes(question, verdict);
        }

        public bool AllowsOnAny(string principal, string host, AclOperation operation)
        {
            var anything = new AccessQuestion(principal, host, operation, default, "");
            if (Look(_wildcards, anything, AclVerdict.NotNamed) is var whole and (AclVerdict.Denied or AclVerdict.Allowed))
            {
                return whole == AclVerdict.Allowed;
            }

            // A name of its own is denied by its own entries too, a prefix as a whole only by prefixes of it.
            return _literals.Any(pair => Look(pair.Value, anything, AclVerdict.NotNamed) is var own and not AclVerdict.Denied
                    && LookAtPrefixes(anything with { Name = pair.Key }, own) == AclVerdict.Allowed)
                || _prefixes.Keys.Any(prefix => LookAtPrefixes(anything with { Name = prefix }, AclVerdict.NotNamed) == AclVerdict.Allowed);
        }

        private AclVerdict LookAtPrefixes(in AccessQuestion question, AclVerdict verdict)
        {
            foreach (int length in _prefixLengths)
            {
                if (verdict == AclVerdict.Denied || length > question.Name.Length)
                {
                    break;
                }

                if (_prefixesBySpan.TryGetValue(question.Name.AsSpan(0, length), out AclEntry[]? prefixed))
                {
                    verdict = Look(prefixed, question, verdict);
                }
            }

            return verdict;
        }

        private static AclVerdict Look(AclEntry[] entries, in AccessQuestion question, AclVerdict verdict)
        {
            foreach (AclEntry entry in entries)
            {
                verdict = verdict == AclVerdict.NotNamed ? AclVerdict.NotAllowed : verdict;
                if (!entry.Concerns(question.Principal, question.Host, question.Operation))
                {
                    continue;
                }

                if (entry.Permission == AclPermission.Deny)
                {
                    return AclVerdict.Denied;
                }

                verdict = AclVerdict.Allowed;
            }

            return verdict;
        }

        private static Dictionary<string, AclEntry[]> Index(IEnumerable<AclEntry> entries) => entries
            .GroupBy(entry => entry.Name, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.ToArray(), StringComparer.Ordinal);
    }
}
