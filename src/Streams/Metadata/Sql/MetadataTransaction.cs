using System.Data.Common;
using System.Text.Json;
using Dapper;

namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>One transaction and the time at which it runs. Its SQL is what SQLite and PostgreSQL both take.</summary>
/// <param name="transaction">Null where the connection itself is in one.</param>
/// <param name="clock">The database's clock, in milliseconds since the Unix epoch; read once, when somebody asks.</param>
internal sealed class MetadataTransaction(DbConnection connection, DbTransaction? transaction, Func<MetadataTransaction, long> clock)
{
    /// <summary>Who internal changes are ascribed to.</summary>
    public const string System = "system";

    private const int RowsPerStatement = 200;
    private long? _nowMs;

    public long NowMs => _nowMs ??= clock(this);

    /// <summary>The newest entry of the log that this transaction wrote; zero when it wrote none.</summary>
    public long Logged { get; private set; }

    public int Execute(string sql, object? parameters = null) => connection.Execute(sql, parameters, transaction);

    public List<T> Query<T>(string sql, object? parameters = null) => connection.Query<T>(sql, parameters, transaction).AsList();

    public T? One<T>(string sql, object? parameters = null) => connection.QueryFirstOrDefault<T>(sql, parameters, transaction);

    /// <summary>A statement that holds lists of numbers, and so is mostly another one each time: Dapper would keep something for each.</summary>
    /// <param name="parameters">Its few named parameters beside those.</param>
    public int ExecuteText(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using DbCommand command = Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    /// <inheritdoc cref="ExecuteText"/>
    public List<T> QueryText<T>(string sql)
    {
        using DbCommand command = Command(sql, []);
        using DbDataReader reader = command.ExecuteReader();
        var rows = new List<T>();
        Func<DbDataReader, T> parse = reader.GetRowParser<T>();
        while (reader.Read())
        {
            rows.Add(parse(reader));
        }

        return rows;
    }

    /// <summary>
    /// Runs <paramref name="sql"/> for many rows in few statements: <c>{rows}</c> in it stands for the text of a VALUES list.
    /// </summary>
    public void ExecuteRows(string sql, IEnumerable<string> rows, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        foreach (string[] chunk in rows.Chunk(RowsPerStatement))
        {
            ExecuteText(sql.Replace("{rows}", $"VALUES {string.Join(", ", chunk)}", StringComparison.Ordinal), parameters);
        }
    }

    /// <summary>The same for rows that hold more than whole numbers: <paramref name="row"/> gives the values of each.</summary>
    public void ExecuteRows<T>(string sql, IEnumerable<T> items, Func<T, object[]> row)
    {
        foreach (T[] chunk in items.Chunk(RowsPerStatement))
        {
            var values = new List<(string Name, object Value)>();
            string text = string.Join(", ", chunk.Select(item => $"({string.Join(", ", row(item).Select(Add))})"));
            ExecuteText(sql.Replace("{rows}", $"VALUES {text}", StringComparison.Ordinal), [.. values]);

            string Add(object value)
            {
                string name = $"@p{values.Count}";
                values.Add((name, value));
                return name;
            }
        }
    }

    /// <summary>Takes <paramref name="count"/> numbers nobody was given before. Returns the first.</summary>
    public long Take(string counter, long count) => One<long>(
        "UPDATE counters SET next_value = next_value + @count WHERE name = @counter RETURNING next_value - @count", new { counter, count });

    public void Log(string principal, string kind, object payload)
    {
        // The counter's row stays locked until the end: so entries are numbered without gaps, in the order of the commits.
        Logged = Take("log", 1);
        Execute(
            "INSERT INTO metadata_log (sequence, at_ms, principal, kind, payload) VALUES (@Logged, @at, @principal, @kind, @payload)",
            new { Logged, at = NowMs, principal, kind, payload = JsonSerializer.Serialize(payload) });
    }

    private DbCommand Command(string sql, ReadOnlySpan<(string Name, object Value)> parameters)
    {
        DbCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        foreach ((string name, object value) in parameters)
        {
            DbParameter parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value;
            command.Parameters.Add(parameter);
        }

        return command;
    }
}
