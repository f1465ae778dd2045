using System.Runtime.CompilerServices;
using PipeRoll.Streams;

namespace PipeRoll.Evidence;

/// <summary>Where a partition's statements are kept. A seam: production keeps them in a stream, tests in memory.</summary>
public interface IStatementLog
{
    /// <summary>All statements, in order.</summary>
    IAsyncEnumerable<LeafStatement> ReadAsync(CancellationToken cancellation);

    /// <summary>Durable when the task ends.</summary>
    /// <exception cref="StreamUnavailableException">They could not be stored.</exception>
    Task AppendAsync(IReadOnlyList<LeafStatement> statements);
}

/// <summary>Statements in a stream of their own: one offset each, 80 bytes each, nothing between them.</summary>
/// <remarks>Owner: one <see cref="PartitionEvidence"/>. The stream must never be trimmed: a tree needs all of its leaves.</remarks>
public sealed class StreamStatementLog(IStream stream) : IStatementLog
{
    private const int ReadBytes = 1024 * 1024;

    public async IAsyncEnumerable<LeafStatement> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        long offset = 0;
        while (offset < stream.ConfirmedOffset)
        {
            using FetchedBatches fetched = await stream.FetchAsync(offset, ReadBytes, cancellation);
            if (fetched.EndOffset <= offset)
            {
                throw new CorruptDataException($"the statements of stream {stream.Id} end at {offset}, not at {stream.ConfirmedOffset}");
            }

            foreach (ReadOnlyMemory<byte> segment in fetched.Segments)
            {
                for (int at = 0; at < segment.Length; at += LeafStatement.Bytes)
                {
                    yield return LeafStatement.Read(segment.Span.Slice(at, Math.Min(LeafStatement.Bytes, segment.Length - at)));
                }
            }

            offset = fetched.EndOffset;
        }
    }

    public Task AppendAsync(IReadOnlyList<LeafStatement> statements)
    {
        byte[] bytes = new byte[statements.Count * LeafStatement.Bytes];
        for (int index = 0; index < statements.Count; index++)
        {
            statements[index].Write(bytes.AsSpan(index * LeafStatement.Bytes));
        }

        return stream.Append(new StreamBatch(stream.NextOffset, statements.Count, statements[^1].AppendTimeMs, bytes, null));
    }
}
