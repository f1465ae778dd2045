using System.Numerics;

namespace PipeRoll.Proofs.Merkle;

/// <summary>
/// A growing Merkle tree of which only the roots of its perfect subtrees are kept: enough to append and to tell the root,
/// in 32 bytes per bit of the size.
/// </summary>
/// <remarks>Owner: one thread at a time.</remarks>
public sealed class CompactRange
{
    private readonly List<TreeHash> _peaks;

    public CompactRange()
        : this(0, [])
    {
    }

    /// <param name="size">How many leaves the tree has.</param>
    /// <param name="peaks">Roots of its perfect subtrees, the largest first: as many as the size has bits set.</param>
    /// <exception cref="ArgumentException">Size and peaks do not fit each other.</exception>
    public CompactRange(long size, IReadOnlyList<TreeHash> peaks)
    {
        if (size < 0 || BitOperations.PopCount((ulong)size) != peaks.Count)
        {
            throw new ArgumentException($"a tree of {size} leaves does not have {peaks.Count} perfect subtrees", nameof(peaks));
        }

        Size = size;
        _peaks = [.. peaks];
    }

    public long Size { get; private set; }

    public IReadOnlyList<TreeHash> Peaks => _peaks;

    /// <summary>Of the leaves so far (RFC 6962, section 2.1).</summary>
    public TreeHash Root
    {
        get
        {
            if (_peaks.Count == 0)
            {
                return TreeHash.OfEmptyTree;
            }

            TreeHash root = _peaks[^1];
            for (int index = _peaks.Count - 2; index >= 0; index--)
            {
                root = TreeHash.OfNode(_peaks[index], root);
            }

            return root;
        }
    }

    public void Append(TreeHash leaf)
    {
        // Like adding one to a binary number: equal subtrees at the end join as carries do.
        TreeHash carry = leaf;
        for (long bits = Size; (bits & 1) == 1; bits >>= 1)
        {
            carry = TreeHash.OfNode(_peaks[^1], carry);
            _peaks.RemoveAt(_peaks.Count - 1);
        }

        _peaks.Add(carry);
        Size++;
    }
}
