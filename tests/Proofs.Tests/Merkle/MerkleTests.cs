using System.Text;
using CsCheck;
using PipeRoll.Proofs.Merkle;

namespace PipeRoll.Proofs.Tests.Merkle;

public sealed class MerkleTests
{
    private static readonly string[] Leaves =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    /// <summary>The roots of the first trees of the entries above: the test data of Certificate Transparency.</summary>
    private static readonly string[] Roots =
    [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    [Fact]
    public void TheEmptyTreeIsTheHashOfNothing() =>
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", new MerkleTree().Root.ToString());

    [Fact]
    public void RootsAreThoseOfCertificateTransparency()
    {
        MerkleTree tree = new();
        CompactRange range = new();
        for (int size = 1; size <= Leaves.Length; size++)
        {
            TreeHash leaf = TreeHash.OfLeaf(Convert.FromHexString(Leaves[size - 1]));
            tree.Append(leaf);
            range.Append(leaf);
            Assert.Equal(Roots[size - 1], tree.Root.ToString());
            Assert.Equal(Roots[size - 1], range.Root.ToString());
        }

        Assert.All(Enumerable.Range(1, 8), size => Assert.Equal(Roots[size - 1], tree.RootAt(size).ToString()));
    }

    [Fact]
    public void EveryInclusionProofVerifiesAndOnlyForItsOwnLeaf()
    {
        MerkleTree tree = Grow(70);
        for (long size = 1; size <= tree.Size; size++)
        {
            for (long index = 0; index < size; index++)
            {
                IReadOnlyList<TreeHash> proof = tree.InclusionProof(index, size);
                TreeHash root = tree.RootAt(size);
                Assert.True(MerkleProof.VerifyInclusion(tree.Leaf(index), index, size, proof, root));
                Assert.False(MerkleProof.VerifyInclusion(tree.Leaf((index + 1) % tree.Size), index, size, proof, root));
                Assert.False(MerkleProof.VerifyInclusion(tree.Leaf(index), index, size, [.. proof, root], root));
                Assert.False(proof.Count > 0 && MerkleProof.VerifyInclusion(tree.Leaf(index), index, size, [.. proof.Skip(1)], root));
            }
        }
    }

    [Fact]
    public void EveryConsistencyProofVerifies()
    {
        MerkleTree tree = Grow(70);
        for (long newSize = 0; newSize <= tree.Size; newSize++)
        {
            for (long oldSize = 0; oldSize <= newSize; oldSize++)
            {
                IReadOnlyList<TreeHash> proof = tree.ConsistencyProof(oldSize, newSize);
                Assert.True(MerkleProof.VerifyConsistency(oldSize, newSize, proof, tree.RootAt(oldSize), tree.RootAt(newSize)));
                Assert.False(MerkleProof.VerifyConsistency(oldSize, newSize, [.. proof, tree.Root], tree.RootAt(oldSize), tree.RootAt(newSize)));
            }
        }
    }

    [Fact]
    public void AnyChangedBitBreaksAnInclusionProof() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[0, 299], Gen.Int[0, 1_000_000]).Sample(
            (size, index, bit) =>
            {
                index %= size;
                MerkleTree tree = Grow(size);
                TreeHash[] proof = [.. tree.InclusionProof(index, size)];
                TreeHash[] all = [tree.Leaf(index), tree.Root, .. proof];
                int which = bit / 256 % all.Length;
                all[which] = Flip(all[which], bit % 256);
                return !MerkleProof.VerifyInclusion(all[0], index, size, all[2..], all[1]);
            },
            iter: 500);

    [Fact]
    public void AnyChangedBitBreaksAConsistencyProof() =>
        Gen.Select(Gen.Int[2, 300], Gen.Int[1, 299], Gen.Int[0, 1_000_000]).Sample(
            (size, old, bit) =>
            {
                old = 1 + (old % (size - 1));
                MerkleTree tree = Grow(size);
                TreeHash[] all = [tree.RootAt(old), tree.Root, .. tree.ConsistencyProof(old, size)];
                int which = bit / 256 % all.Length;
                all[which] = Flip(all[which], bit % 256);
                return !MerkleProof.VerifyConsistency(old, size, all[2..], all[0], all[1]);
            },
            iter: 500);

    [Fact]
    public void AnotherIndexOrSizeIsNoProof()
    {
        MerkleTree tree = Grow(20);
        IReadOnlyList<TreeHash> proof = tree.InclusionProof(5, 20);
        Assert.All(Enumerable.Range(0, 20).Where(static index => index != 5), index =>
            Assert.False(MerkleProof.VerifyInclusion(tree.Leaf(5), index, 20, proof, tree.Root)));
        Assert.False(MerkleProof.VerifyInclusion(tree.Leaf(5), 5, 10, proof, tree.Root));
        Assert.False(MerkleProof.VerifyInclusion(tree.Leaf(5), -1, 20, proof, tree.Root));
        Assert.False(MerkleProof.VerifyInclusion(tree.Leaf(5), 20, 20, proof, tree.Root));
        Assert.False(MerkleProof.VerifyConsistency(6, 5, [], tree.RootAt(6), tree.RootAt(5)));
        Assert.False(MerkleProof.VerifyConsistency(-1, 5, [], tree.Root, tree.Root));
    }

    [Fact]
    public void ACompactRangeGoesOnFromItsPeaks() =>
        Gen.Select(Gen.Int[0, 200], Gen.Int[0, 200]).Sample(
            (first, second) =>
            {
                MerkleTree tree = Grow(first + second);
                CompactRange range = new();
                for (int index = 0; index < first; index++)
                {
                    range.Append(tree.Leaf(index));
                }

                CompactRange resumed = new(range.Size, range.Peaks);
                for (int index = first; index < first + second; index++)
                {
                    resumed.Append(tree.Leaf(index));
                }

                return resumed.Root == tree.Root && resumed.Size == tree.Size;
            },
            iter: 200);

    [Fact]
    public void WrongSizesAreRefused()
    {
        MerkleTree tree = Grow(3);
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.RootAt(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.InclusionProof(2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => tree.ConsistencyProof(3, 2));
        Assert.Throws<ArgumentException>(() => new CompactRange(3, [tree.Root]));
        Assert.Throws<ArgumentException>(() => new TreeHash(new byte[31]));
    }

    private static MerkleTree Grow(int size)
    {
        MerkleTree tree = new();
        for (int index = 0; index < size; index++)
        {
            tree.Append(TreeHash.OfLeaf(Encoding.UTF8.GetBytes($"entry {index}")));
        }

        return tree;
    }

    private static TreeHash Flip(TreeHash hash, int bit)
    {
        byte[] bytes = hash.ToArray();
        bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        return new TreeHash(bytes);
    }
}
