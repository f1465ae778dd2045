using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;
using SQLitePCL;

namespace PipeRoll.Simulation.Streams;

/// <summary>Databases of simulated worlds.</summary>
internal static class MemoryDatabase
{
    // SQLite's numbers for what its documentation calls SQLITE_CONFIG_MULTITHREAD and SQLITE_CONFIG_MEMSTATUS.
    private const int NoMutexes = 2;
    private const int CountsMemory = 9;

    /// <summary>A world is one thread: locks, and counting what is allocated under a lock of all threads, are a tenth of its time.</summary>
    static MemoryDatabase()
    {
        Batteries_V2.Init();
        raw.sqlite3_config(NoMutexes);
        raw.sqlite3_config(CountsMemory, 0);
    }

    public static IMetadataStore Open(TimeProvider time, Random random)
    {
        var bytes = new byte[16];
        return SqliteMetadataStore.InMemory(time, () =>
        {
            random.NextBytes(bytes);
            return new Guid(bytes);
        });
    }
}
