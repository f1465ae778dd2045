using System.Numerics;

namespace PipeRoll.Proofs.Merkle;

/// <summary>
/// A growing Merkle tree with every complete node in memory (64 bytes per leaf): gives roots and proofs of any of its
/// past sizes.
/// </summary>
/// <remarks>Owner: one thread at a time.</remarks>
public sealed class MerkleTree
{
    // _levels[h][i] is the root of the perfect subtree over leaves [i * 2^h, (i + 1) * 2^h).
    private readonly List<List<TreeHash>> _levels = [[]];

    public long Size => _levels[0].Count;

    public TreeHash Root => RootAt(Size);

    public TreeHash Leaf(long index) => _levels[0][(int)index];

    public void Append(TreeHash leaf)
    {
        _levels[0].Add(leaf);
        for (int height = 0; _levels[height].Count % 2 == 0; height++)
        {
            if (height + 1 == _levels.Count)
            {
                _levels.Add([]);
            }

            List<TreeHash> level = _levels[height];
            _levels[height + 1].Add(TreeHash.OfNode(level[^2], level[^1]));
        }
    }

    /// <summary>The root when the tree had <paramref name="size"/> leaves.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tree has fewer leaves.</exception>
    public TreeHash RootAt(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return size == 0 ? TreeHash.OfEmptyTree : Subtree(0, size);
    }

    /// <summary>Proves that a leaf is in the tree of a size, from the leaf up (RFC 6962, section 2.1.1).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tree of that size has no such leaf, or the tree is smaller.</exception>
    public IReadOnlyList<TreeHash> InclusionProof(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        List<TreeHash> proof = [];
        AddPath(index, 0, size, proof);
        return proof;
    }

    /// <summary>Proves that the tree of the old size is the beginning of the one of the new (RFC 6962, section 2.1.2).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 ≤ old ≤ new ≤ size.</exception>
    public IReadOnlyList<TreeHash> ConsistencyProof(long oldSize, long newSize)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(newSize, Size);
        ArgumentOutOfRangeException.ThrowIfNegative(oldSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(oldSize, newSize);
        List<TreeHash> proof = [];
        if (oldSize > 0 && oldSize < newSize)
        {
            AddSubproof(oldSize, 0, newSize, isKnown: true, proof);
        }

        return proof;
    }

    private void AddPath(long index, long from, long to, List<TreeHash> proof)
    {
        if (to - from == 1)
        {
            return;
        }

        long middle = from + LargestPowerBelow(to - from);
        if (index < middle)
        {
            AddPath(index, from, middle, proof);
            proof.Add(Subtree(middle, to));
        }
        else
        {
            AddPath(index, middle, to, proof);
            proof.Add(Subtree(from, middle));
        }
    }

    /// <param name="isKnown">The verifier has the root of the old tree's part here: it is the whole old tree.</param>
    private void AddSubproof(long oldEnd, long from, long to, bool isKnown, List<TreeHash> proof)
    {
        if (oldEnd == to)
        {
            if (!isKnown)
            {
                proof.Add(Subtree(from, to));
            }

            return;
        }

        long middle = from + LargestPowerBelow(to - from);
        if (oldEnd <= middle)
        {
            AddSubproof(oldEnd, from, middle, isKnown, proof);
            proof.Add(Subtree(middle, to));
        }
        else
        {
            AddSubproof(oldEnd, middle, to, isKnown: false, proof);
            proof.Add(Subtree(from, middle));
        }
    }

    /// <summary>Root over leaves [from, to), where from is a multiple of the largest power of two in the range.</summary>
    private TreeHash Subtree(long from, long to)
    {
        long size = to - from;
        if (BitOperations.IsPow2(size))
        {
            int height = BitOperations.Log2((ulong)size);
            return _levels[height][(int)(from >> height)];
        }

        long middle = from + LargestPowerBelow(size);
        return TreeHash.OfNode(Subtree(from, middle), Subtree(middle, to));
    }

    /// <summary>The largest power of two that is smaller than the size.</summary>
    private static long LargestPowerBelow(long size) => 1L << BitOperations.Log2((ulong)(size - 1));
}
