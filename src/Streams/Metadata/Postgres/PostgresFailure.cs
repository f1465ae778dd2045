using System.Net.Sockets;
using Npgsql;

namespace PipeRoll.Streams.Metadata.Postgres;

/// <summary>What a failure of PostgreSQL or of the way to it means for the transaction that met it.</summary>
internal enum PostgresFailure
{
    /// <summary>The transaction contradicts itself or the schema: trying again gives the same.</summary>
    Wrong,

    /// <summary>Another transaction got in the way. This one has had no effect and is to be tried again.</summary>
    Conflict,

    /// <summary>The connection is of no use any more; another one may be.</summary>
    Broken,

    /// <summary>The database is away, overloaded, or did not answer in time.</summary>
    Away,
}

internal static class PostgresFailures
{
    /// <summary>By PostgreSQL's error codes (its manual, appendix A).</summary>
    public static PostgresFailure Classify(Exception failure) => failure switch
    {
        PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected } => PostgresFailure.Conflict,

        // The server stops, or ended this session (25P03, 57P05: it was idle for too long); after a fail-over it may be another that only reads.
        PostgresException
        {
            SqlState: PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or "25P03"
                or "57P05" or PostgresErrorCodes.ReadOnlySqlTransaction
        } => PostgresFailure.Broken,
        PostgresException { SqlState: var state } => IsAway(state) ? PostgresFailure.Away : PostgresFailure.Wrong,
        NpgsqlException when Has<TimeoutException>(failure) || IsRefused(failure) => PostgresFailure.Away,
        NpgsqlException => PostgresFailure.Broken,
        TimeoutException or SocketException or IOException => PostgresFailure.Away,
        _ => PostgresFailure.Wrong,
    };

    /// <summary>It starts or goes down; out of connections, memory or room; a statement or a lock took too long; a connection failed.</summary>
    private static bool IsAway(string state) =>
        state.StartsWith("08", StringComparison.Ordinal) || state.StartsWith("53", StringComparison.Ordinal)
        || state.StartsWith("58", StringComparison.Ordinal)
        || state is PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable;

    /// <summary>Nobody listens there, or there is no such host: another try at once would meet the same.</summary>
    private static bool IsRefused(Exception failure) =>
        failure.InnerException is SocketException { SocketErrorCode: not (SocketError.ConnectionReset or SocketError.ConnectionAborted) };

    private static bool Has<T>(Exception failure)
    {
        for (Exception? inner = failure; inner is not null; inner = inner.InnerException)
        {
            if (inner is T)
            {
                return true;
            }
        }

        return false;
    }
}
