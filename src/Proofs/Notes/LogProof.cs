using System.Globalization;
using System.Text;
using PipeRoll.Proofs.Merkle;

namespace PipeRoll.Proofs.Notes;

/// <summary>
/// Everything that an auditor needs to check offline that an entry is in a log (C2SP tlog-proof): where it lies, the path
/// to the root, and the signed checkpoint that has this root.
/// </summary>
/// <param name="Extra">Opaque bytes of the application; null for none.</param>
public sealed record LogProof(long Index, IReadOnlyList<TreeHash> Path, SignedNote Checkpoint, ReadOnlyMemory<byte>? Extra = null)
{
    private const string Header = "c2sp.org/tlog-proof@v1";
    private const string ExtraPrefix = "extra ";
    private const string IndexPrefix = "index ";

    /// <summary>A tree of 2^63 leaves is 63 high.</summary>
    private const int PathMax = 63;

    /// <exception cref="FormatException">It is no proof.</exception>
    public static LogProof Parse(string text)
    {
        int split = text.IndexOf("\n\n", StringComparison.Ordinal);
        string[] lines = split < 0 ? [] : text[..split].Split('\n');
        int at = 1;
        ReadOnlyMemory<byte>? extra = null;
        if (lines.Length > 1 && lines[1].StartsWith(ExtraPrefix, StringComparison.Ordinal))
        {
            extra = Convert.FromBase64String(lines[1][ExtraPrefix.Length..]);
            at = 2;
        }

        if (lines.Length <= at || lines[0] != Header || !lines[at].StartsWith(IndexPrefix, StringComparison.Ordinal))
        {
            throw new FormatException($"a proof begins with '{Header}', then perhaps 'extra …', then 'index …'");
        }

        if (!long.TryParse(lines[at][IndexPrefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out long index)
            || lines.Length - at - 1 > PathMax)
        {
            throw new FormatException($"'{lines[at]}' is no index, or more than {PathMax} hashes follow it");
        }

        TreeHash[] path = [.. lines.Skip(at + 1).Select(Notes.Checkpoint.ParseHash)];
        return new LogProof(index, path, SignedNote.Parse(text[(split + 2)..]), extra);
    }

    /// <summary>Whether the entry is in the log, as far as these keys are trusted. Says why not.</summary>
    /// <param name="entry">The leaf's bytes, not its hash.</param>
    /// <param name="origin">The log that is meant: a proof from another one proves nothing.</param>
    public bool Verify(ReadOnlySpan<byte> entry, string origin, NoteVerifier log, out string? whyNot)
    {
        try
        {
            if (Checkpoint.VerifiedBy(log).Count == 0)
            {
                whyNot = $"the checkpoint is not signed by {log.Name}";
                return false;
            }

            Checkpoint checkpoint = Notes.Checkpoint.Parse(Checkpoint.Text);
            if (checkpoint.Origin != origin)
            {
                whyNot = $"the checkpoint is of the log '{checkpoint.Origin}', not of '{origin}'";
                return false;
            }

            bool isIncluded = MerkleProof.VerifyInclusion(TreeHash.OfLeaf(entry), Index, checkpoint.Size, Path, checkpoint.Root);
            whyNot = isIncluded ? null : $"the path from entry {Index} does not lead to the root of the checkpoint";
            return isIncluded;
        }
        catch (FormatException wrong)
        {
            whyNot = wrong.Message;
            return false;
        }
    }

    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(Header).Append('\n');
        if (Extra is { } extra)
        {
            text.Append(ExtraPrefix).Append(Convert.ToBase64String(extra.Span)).Append('\n');
        }

        text.Append(IndexPrefix).Append(Index.ToString(CultureInfo.InvariantCulture)).Append('\n');
        foreach (TreeHash hash in Path)
        {
            text.Append(hash.ToBase64()).Append('\n');
        }

        return text.Append('\n').Append(Checkpoint).ToString();
    }
}
