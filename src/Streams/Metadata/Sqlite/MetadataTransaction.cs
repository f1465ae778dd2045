using System.Text.Json;
using Dapper;
using Microsoft.Data.Sqlite;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>One transaction and the time at which it runs. Its SQL keeps to what PostgreSQL takes too.</summary>
internal sealed class MetadataTransaction(SqliteConnection connection, SqliteTransaction transaction, long nowMs)
{
    /// <summary>Who internal changes are ascribed to.</summary>
    public const string System = "system";

    public long NowMs { get; } = nowMs;

    public int Execute(string sql, object? parameters = null) => connection.Execute(sql, parameters, transaction);

    public List<T> Query<T>(string sql, object? parameters = null) => connection.Query<T>(sql, parameters, transaction).AsList();

    public T? One<T>(string sql, object? parameters = null) => connection.QueryFirstOrDefault<T>(sql, parameters, transaction);

    /// <summary>Takes <paramref name="count"/> numbers nobody was given before. Returns the first.</summary>
    public long Take(string counter, long count)
    {
        long first = One<long>("SELECT next_value FROM counters WHERE name = @counter", new { counter });
        Execute("UPDATE counters SET next_value = @next WHERE name = @counter", new { counter, next = first + count });
        return first;
    }

    public void Log(string principal, string kind, object payload) => Execute(
        """
        INSERT INTO metadata_log (sequence, at_ms, principal, kind, payload)
        VALUES ((SELECT COALESCE(MAX(sequence), 0) + 1 FROM metadata_log), @at, @principal, @kind, @payload)
        """,
        new { at = NowMs, principal, kind, payload = JsonSerializer.Serialize(payload) });
}
