using System.Numerics;

namespace PipeRoll.Proofs.Merkle;

/// <summary>
/// Verifies proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2, which fit RFC 6962's trees). Never throws: bad input is no proof.
/// </summary>
public static class MerkleProof
{
    /// <summary>Whether the leaf lies at this index of the tree with this size and root.</summary>
    public static bool VerifyInclusion(TreeHash leaf, long index, long size, IReadOnlyList<TreeHash> proof, TreeHash root)
    {
        if (index < 0 || index >= size)
        {
            return false;
        }

        long node = index;
        long last = size - 1;
        TreeHash hash = leaf;
        foreach (TreeHash sibling in proof)
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                hash = TreeHash.OfNode(sibling, hash);
                SkipLevelsWithoutSibling(ref node, ref last);
            }
            else
            {
                hash = TreeHash.OfNode(hash, sibling);
            }

            node >>= 1;
            last >>= 1;
        }

        return last == 0 && hash == root;
    }

    /// <summary>Whether the tree with the old size and root is the beginning of the one with the new.</summary>
    public static bool VerifyConsistency(
        long oldSize, long newSize, IReadOnlyList<TreeHash> proof, TreeHash oldRoot, TreeHash newRoot)
    {
        if (oldSize < 0 || oldSize > newSize)
        {
            return false;
        }

        if (oldSize == newSize)
        {
            return proof.Count == 0 && oldRoot == newRoot;
        }

        if (oldSize == 0)
        {
            return proof.Count == 0 && oldRoot == TreeHash.OfEmptyTree;
        }

        // An old tree that is perfect is itself the first node of the way up, and so not in the proof.
        bool isOldPerfect = BitOperations.IsPow2(oldSize);
        if (!isOldPerfect && proof.Count == 0)
        {
            return false;
        }

        TreeHash start = isOldPerfect ? oldRoot : proof[0];
        return Climb(oldSize, newSize, start, isOldPerfect ? proof : [.. proof.Skip(1)], oldRoot, newRoot);
    }

    private static bool Climb(
        long oldSize, long newSize, TreeHash start, IReadOnlyList<TreeHash> siblings, TreeHash oldRoot, TreeHash newRoot)
    {
        long node = oldSize - 1;
        long last = newSize - 1;
        while ((node & 1) == 1)
        {
            node >>= 1;
            last >>= 1;
        }

        TreeHash oldHash = start;
        TreeHash newHash = start;
        foreach (TreeHash sibling in siblings)
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                oldHash = TreeHash.OfNode(sibling, oldHash);
                newHash = TreeHash.OfNode(sibling, newHash);
                SkipLevelsWithoutSibling(ref node, ref last);
            }
            else
            {
                newHash = TreeHash.OfNode(newHash, sibling);
            }

            node >>= 1;
            last >>= 1;
        }

        return last == 0 && oldHash == oldRoot && newHash == newRoot;
    }

    /// <summary>A node at the right edge may have no sibling on several levels: it is its own parent there.</summary>
    private static void SkipLevelsWithoutSibling(ref long node, ref long last)
    {
        while ((node & 1) == 0 && node != 0)
        {
            node >>= 1;
            last >>= 1;
        }
    }
}
