using System.Text;
using CsCheck;
using PipeRoll.Proofs.Merkle;
using PipeRoll.Proofs.Notes;

namespace PipeRoll.Proofs.Tests.Notes;

public sealed class NoteTests
{
    /// <summary>The example of the note format as Go's module mirror first published it: key and note were made by other code.</summary>
    private const string GoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    private const string GoNote =
        "If you think cryptography is the answer to your problem,\n"
        + "then you don't know what your problem is.\n"
        + "\n"
        + "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    private static readonly string[] Pieces =
        ["\n", "\n\n", "— ", " ", "AAAAAAAAAA==", "index 1", "c2sp.org/tlog-proof@v1", "extra ", "7", "log"];

    private static readonly NoteSigner Signer = new("example.com/log", Encoding.UTF8.GetBytes("0123456789abcdef0123456789abcdef"));

    [Fact]
    public void ANoteOfGoVerifies()
    {
        NoteVerifier verifier = NoteVerifier.Parse(GoKey);
        SignedNote note = SignedNote.Parse(GoNote);
        Assert.Equal("PeterNeumann", Assert.Single(note.VerifiedBy(verifier)).Name);
        Assert.Equal(GoNote, note.ToString());
        Assert.Equal(GoKey, verifier.Encoded);
    }

    [Fact]
    public void KeysAreReadBackAsWritten()
    {
        NoteSigner read = NoteSigner.Parse(Signer.Encoded);
        Assert.Equal(Signer.Encoded, read.Encoded);
        Assert.Equal(Signer.Verifier.Encoded, NoteVerifier.Parse(read.Verifier.Encoded).Encoded);
        Assert.Equal("sum.golang.org", NoteVerifier.Parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").Name);
    }

    [Theory]
    [InlineData("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")]
    [InlineData("PeterNeumann+c74f20a3+ARpc")]
    [InlineData("PeterNeumann")]
    [InlineData("")]
    public void AWrongKeyIsRefused(string key) => Assert.Throws<FormatException>(() => NoteVerifier.Parse(key));

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("a+b")]
    public void AWrongNameIsRefused(string name) => Assert.Throws<FormatException>(() => new NoteSigner(name, new byte[32]));

    [Fact]
    public void AnyChangedCharacterIsNoticed()
    {
        string note = SignedNote.Sign(new Checkpoint("example.com/log", 17, TreeHash.OfLeaf("x"u8)).ToString(), Signer).ToString();
        Gen.Select(Gen.Int[0, note.Length - 1], Gen.Char['!', '~']).Sample(
            (at, letter) => letter == note[at] || !Verifies(string.Concat(note.AsSpan(0, at), $"{letter}", note.AsSpan(at + 1))), iter: 500);
    }

    [Fact]
    public void OnlyKnownKeysCountAndEachOnce()
    {
        NoteSigner witness = new("witness.example", new byte[32]);
        SignedNote note = SignedNote.Parse(SignedNote.Sign("text\n", Signer, witness, witness).ToString());
        Assert.Equal(["witness.example"], note.VerifiedBy(witness.Verifier).Select(static verifier => verifier.Name));
        Assert.Equal(2, note.VerifiedBy(Signer.Verifier, witness.Verifier).Count);
        Assert.Empty(note.VerifiedBy(NoteVerifier.Parse(GoKey)));
        Assert.Empty(note.VerifiedBy());
    }

    [Theory]
    [InlineData("")]
    [InlineData("text\n")]
    [InlineData("text\n\n")]
    [InlineData("text\n\n— name\n")]
    [InlineData("text\n\n— name AAAA\n")]
    [InlineData("text\n\n— name !!!!!!!!\n")]
    [InlineData("text\n\n- name AAAAAAAAAA==\n")]
    [InlineData("text\n\n— name AAAAAAAAAA==")]
    [InlineData("te\txt\n\n— name AAAAAAAAAA==\n")]
    public void WhatIsNoNoteIsRefused(string note) => Assert.Throws<FormatException>(() => SignedNote.Parse(note));

    [Fact]
    public void ACheckpointIsReadBackAsWritten()
    {
        Checkpoint checkpoint = new("example.com/log", 20_852_163, TreeHash.OfEmptyTree, ["one", "two words"]);
        Assert.Equal("example.com/log\n20852163\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\none\ntwo words\n", checkpoint.ToString());
        Checkpoint read = Checkpoint.Parse(checkpoint.ToString());
        Assert.Equal(checkpoint.ToString(), read.ToString());
        Assert.Equal((checkpoint.Origin, checkpoint.Size, checkpoint.Root), (read.Origin, read.Size, read.Root));
    }

    [Theory]
    [InlineData("log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")]
    [InlineData("log\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("log\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    [InlineData("log\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n")]
    [InlineData("log\n1\n47DEQpj8\n")]
    [InlineData("log\n1\n")]
    [InlineData("\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")]
    public void WhatIsNoCheckpointIsRefused(string text) => Assert.Throws<FormatException>(() => Checkpoint.Parse(text));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AProofOnPaperVerifiesAndSaysWhyNot(bool hasExtra)
    {
        MerkleTree tree = new();
        for (int index = 0; index < 11; index++)
        {
            tree.Append(TreeHash.OfLeaf([(byte)index]));
        }

        SignedNote checkpoint = SignedNote.Sign(new Checkpoint("example.com/log", 11, tree.Root).ToString(), Signer);
        LogProof written = new(6, tree.InclusionProof(6, 11), checkpoint, hasExtra ? "note"u8.ToArray() : default(ReadOnlyMemory<byte>?));
        LogProof proof = LogProof.Parse(written.ToString());
        Assert.Equal(written.ToString(), proof.ToString());
        Assert.Equal(hasExtra, proof.Extra is not null);
        Assert.True(proof.Verify([6], "example.com/log", Signer.Verifier, out string? whyNot), whyNot);
        Assert.False(proof.Verify([7], "example.com/log", Signer.Verifier, out whyNot));
        Assert.Contains("entry 6", whyNot, StringComparison.Ordinal);
        Assert.False(proof.Verify([6], "example.com/other", Signer.Verifier, out whyNot));
        Assert.Contains("other", whyNot, StringComparison.Ordinal);
        Assert.False(proof.Verify([6], "example.com/log", NoteVerifier.Parse(GoKey), out whyNot));
        Assert.Contains("not signed by", whyNot, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("c2sp.org/tlog-proof@v2\nindex 1\n\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex x\n\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nlog\n1\nx\n\n— name AAAAAAAAAA==\n")]
    [InlineData("c2sp.org/tlog-proof@v1\nextra ???\nindex 1\n\nlog\n")]
    public void WhatIsNoProofIsRefused(string text) => Assert.Throws<FormatException>(() => LogProof.Parse(text));

    [Fact]
    public void AnyTextIsReadOrRefusedNeverMore() =>
        Gen.OneOf(Gen.String, Gen.Int[0, Pieces.Length - 1].Select(static piece => Pieces[piece]))
            .Array[0, 12].Select(static parts => string.Concat(parts)).Sample(
                static text =>
                {
                    Attempt(() => SignedNote.Parse(text));
                    Attempt(() => Checkpoint.Parse(text));
                    Attempt(() => LogProof.Parse(text));
                    Attempt(() => NoteVerifier.Parse(text));
                    Attempt(() => NoteSigner.Parse(text));
                },
                iter: 3_000);

    private static void Attempt(Func<object> parse)
    {
        try
        {
            Assert.NotNull(parse());
        }
        catch (FormatException)
        {
            // The one way to refuse.
        }
    }

    private static bool Verifies(string note)
    {
        try
        {
            return SignedNote.Parse(note).VerifiedBy(Signer.Verifier).Count > 0;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
