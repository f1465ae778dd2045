namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>What is configured beside topics.</summary>
internal static class ConfigTables
{
    public static IReadOnlyList<ConfigRecord> List(MetadataTransaction tx) =>
    [
        .. tx.Query<ConfigRow>("SELECT kind AS Kind, entity AS Entity, name AS Name, config_value AS Value FROM configs")
            .GroupBy(row => (row.Kind, row.Entity))
            .OrderBy(group => group.Key.Kind, StringComparer.Ordinal).ThenBy(group => group.Key.Entity, StringComparer.Ordinal)
            .Select(group => new ConfigRecord(group.Key.Kind, group.Key.Entity, ToValues(group))),
    ];

    public static (CatalogError Error, ConfigRecord Record) Set(
        MetadataTransaction tx, ConfigRecord record, string principal, IReadOnlyDictionary<string, string> before)
    {
        (string kind, string entity) = (record.Kind, record.Entity);
        IReadOnlyDictionary<string, string> present = ToValues(tx.Query<ConfigRow>(
            "SELECT kind AS Kind, entity AS Entity, name AS Name, config_value AS Value FROM configs WHERE kind = @kind AND entity = @entity",
            new { kind, entity }));
        if (!TopicTables.AreSame(before, present))
        {
            return (CatalogError.Conflict, record with { Values = present });
        }

        if (!TopicTables.AreSame(record.Values, present))
        {
            tx.Execute("DELETE FROM configs WHERE kind = @kind AND entity = @entity", new { kind, entity });
            tx.ExecuteRows(
                "INSERT INTO configs (kind, entity, name, config_value) {rows}", record.Values, value => [kind, entity, value.Key, value.Value]);
            tx.Log(principal, "configs.set", new { kind, entity, before = present, after = record.Values });
        }

        return (CatalogError.None, record);
    }

    private static Dictionary<string, string> ToValues(IEnumerable<ConfigRow> rows) => rows
        .OrderBy(row => row.Name, StringComparer.Ordinal).ToDictionary(row => row.Name, row => row.Value, StringComparer.Ordinal);

    private sealed record ConfigRow(string Kind, string Entity, string Name, string Value);
}
