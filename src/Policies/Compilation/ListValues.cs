using PipeRoll.Cel;

namespace PipeRoll.Policies.Compilation;

/// <summary>The lists of a policy as expressions see them: <c>x in lists.NAME</c>. Immutable.</summary>
internal sealed class ListValues : CelStruct
{
    private readonly CelValue[] _lists;

    public ListValues(IReadOnlyList<PolicyList> lists)
    {
        StructType = new CelStructType("Lists", lists.Select(list => new CelField(list.Name, CelType.Map(CelType.String, CelType.Bool))));
        _lists = [.. lists.Select(list => CelValue.Map(new ListMap(list)))];
    }

    public override CelStructType StructType { get; }

    public override CelValue GetField(int index) => _lists[index];

    public override bool HasField(int index) => true;

    /// <summary>A list as a map from its entries to true: so <c>in</c> is one look-up, with the list's own way to compare.</summary>
    private sealed class ListMap(PolicyList list) : CelMap
    {
        private readonly IReadOnlyList<string> _entries = list.Entries;

        public override int Count => _entries.Count;

        public override CelValue KeyAt(int index) => CelValue.String(_entries[index]);

        public override CelValue ValueAt(int index) => CelValue.True;

        public override bool TryGet(in CelValue key, out CelValue value)
        {
            value = CelValue.True;
            return key.Kind == CelKind.String && list.Contains(key.StringValue);
        }
    }
}
