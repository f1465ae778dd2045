using PipeRoll.Proofs.Merkle;
using PipeRoll.Proofs.Notes;

namespace PipeRoll.Evidence;

/// <summary>Everything that an auditor needs about one offset, but for the signature on the checkpoint.</summary>
/// <param name="Index">Of the statement in the tree.</param>
/// <param name="Path">From the statement's leaf up to the root (RFC 6962).</param>
public sealed record OffsetProof(LeafStatement Statement, long Index, IReadOnlyList<TreeHash> Path, Checkpoint Checkpoint);

/// <summary>The statements of a partition and the tree over them. Synchronous.</summary>
/// <remarks>Owner: <see cref="PartitionEvidence"/>, under its lock. In memory about 150 bytes per batch.</remarks>
internal sealed class PartitionTree(string origin, Guid topicId, int partition)
{
    private readonly MerkleTree _tree = new();
    private readonly List<LeafStatement> _statements = [];

    /// <summary>The offset after the last statement; -1 while there is none.</summary>
    public long EndOffset => _statements.Count == 0 ? -1 : _statements[^1].LastOffset + 1;

    public Checkpoint Checkpoint => new(origin, _tree.Size, _tree.Root);

    /// <exception cref="InvalidOperationException">The statement is of another partition, or goes back behind the last one.</exception>
    public void Append(LeafStatement statement)
    {
        bool follows = statement.BaseOffset >= EndOffset && statement.LastOffset >= statement.BaseOffset;
        if (statement.TopicId != topicId || statement.Partition != partition || !follows)
        {
            throw new InvalidOperationException(
                $"the statement {statement} does not continue the tree of {origin}, which ends at {EndOffset}");
        }

        _statements.Add(statement);
        _tree.Append(TreeHash.OfLeaf(statement.ToArray()));
    }

    /// <summary>Null when no statement covers the offset.</summary>
    public OffsetProof? Prove(long offset)
    {
        int low = 0;
        int high = _statements.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            LeafStatement statement = _statements[middle];
            if (offset > statement.LastOffset)
            {
                low = middle + 1;
            }
            else if (offset < statement.BaseOffset)
            {
                high = middle - 1;
            }
            else
            {
                return new OffsetProof(statement, middle, _tree.InclusionProof(middle, _tree.Size), Checkpoint);
            }
        }

        return null;
    }

    public IReadOnlyList<TreeHash> ConsistencyProof(long oldSize) => _tree.ConsistencyProof(oldSize, _tree.Size);
}
