using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>
/// A connection whose commands keep what SQLite has made of their texts: the same few statements come again and again, and reading one takes
/// longer than running it.
/// </summary>
/// <remarks>
/// Owner: the <see cref="SqliteMetadataStore"/>; one thread at a time. Bound: <see cref="StatementsMax"/> texts; then all are
/// forgotten, since those that hold lists of numbers hardly come again, and what comes often is soon there again.
/// </remarks>
internal sealed class StatementCache(SqliteConnection connection) : DbConnection
{
    private const int StatementsMax = 512;

    /// <summary>Those that nobody uses now; two of the same text at a time is possible, and then only one of them is kept.</summary>
    private readonly Dictionary<string, SqliteCommand> _idle = [];

    [AllowNull]
    public override string ConnectionString
    {
        get => connection.ConnectionString;
        set => throw new NotSupportedException("the connection was made with its string");
    }

    public override string Database => connection.Database;

    public override string DataSource => connection.DataSource;

    public override string ServerVersion => connection.ServerVersion;

    public override ConnectionState State => connection.State;

    public override void ChangeDatabase(string databaseName) => connection.ChangeDatabase(databaseName);

    public override void Open() => connection.Open();

    public override void Close() => connection.Close();

    /// <summary>A command of that text, as it was left or new.</summary>
    public SqliteCommand Take(string text)
    {
        if (!_idle.Remove(text, out SqliteCommand? command))
        {
            command = connection.CreateCommand();
            command.CommandText = text;
        }

        return command;
    }

    /// <summary>Its readers are closed.</summary>
    public void Give(SqliteCommand command)
    {
        command.Transaction = null;
        if (_idle.Count >= StatementsMax)
        {
            Forget();
        }

        if (!_idle.TryAdd(command.CommandText, command))
        {
            command.Dispose();
        }
    }

    protected override DbTransaction BeginDbTransaction(IsolationLevel isolationLevel) => connection.BeginTransaction(isolationLevel);

    protected override DbCommand CreateDbCommand() => new CachedCommand(this);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Forget();
            connection.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Forget()
    {
        foreach (SqliteCommand command in _idle.Values)
        {
            command.Dispose();
        }

        _idle.Clear();
    }
}
