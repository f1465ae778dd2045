using PipeRoll.Streams.Metadata;
using PipeRoll.Streams.Metadata.Sqlite;

namespace PipeRoll.Simulation.Streams;

internal static class MemoryDatabase
{
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
