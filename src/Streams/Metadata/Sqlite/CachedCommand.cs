using System.Data;
using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Data.Sqlite;

namespace PipeRoll.Streams.Metadata.Sqlite;

/// <summary>One use of a statement of a <see cref="StatementCache"/>: taken when it is first run, given back when this is disposed of.</summary>
internal sealed class CachedCommand(StatementCache cache) : DbCommand
{
    // Only holds the parameters: it is never run.
    private readonly SqliteCommand _form = new();
    private SqliteCommand? _statement;

    [AllowNull]
    public override string CommandText { get; set; } = "";

    public override int CommandTimeout { get; set; } = 30;

    public override CommandType CommandType
    {
        get => CommandType.Text;
        set
        {
            if (value != CommandType.Text)
            {
                throw new NotSupportedException("SQLite runs texts only");
            }
        }
    }

    public override bool DesignTimeVisible { get; set; }

    public override UpdateRowSource UpdatedRowSource { get; set; }

    protected override DbConnection? DbConnection { get; set; } = cache;

    protected override DbParameterCollection DbParameterCollection => _form.Parameters;

    protected override DbTransaction? DbTransaction { get; set; }

    public override void Cancel()
    {
    }

    public override int ExecuteNonQuery() => Statement().ExecuteNonQuery();

    public override object? ExecuteScalar() => Statement().ExecuteScalar();

    public override void Prepare() => Statement().Prepare();

    protected override DbParameter CreateDbParameter() => new SqliteParameter();

    protected override DbDataReader ExecuteDbDataReader(CommandBehavior behavior) => Statement().ExecuteReader(behavior);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (_statement is { } statement)
            {
                _statement = null;
                cache.Give(statement);
            }

            _form.Dispose();
        }

        base.Dispose(disposing);
    }

    private SqliteCommand Statement()
    {
        SqliteCommand statement = _statement ??= cache.Take(CommandText);
        statement.Transaction = (SqliteTransaction?)DbTransaction;
        statement.Parameters.Clear();
        foreach (SqliteParameter parameter in _form.Parameters)
        {
            statement.Parameters.Add(parameter);
        }

        return statement;
    }
}
