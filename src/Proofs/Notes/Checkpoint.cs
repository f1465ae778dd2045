using System.Globalization;
using PipeRoll.Proofs.Merkle;

namespace PipeRoll.Proofs.Notes;

/// <summary>What a log says it is, in one moment (C2SP tlog-checkpoint): the text of a signed note.</summary>
/// <param name="Origin">Names the log, without a scheme: <c>example.com/log</c>.</param>
/// <param name="Extensions">Further lines, which may mean anything; none is empty.</param>
public sealed record Checkpoint(string Origin, long Size, TreeHash Root, IReadOnlyList<string> Extensions)
{
    public Checkpoint(string origin, long size, TreeHash root)
        : this(origin, size, root, [])
    {
    }

    /// <exception cref="FormatException">It is no checkpoint.</exception>
    public static Checkpoint Parse(string text)
    {
        string[] lines = text.EndsWith('\n') ? text[..^1].Split('\n') : [];
        if (lines.Length < 3 || lines.Any(static line => line.Length == 0))
        {
            throw new FormatException("a checkpoint is an origin, a size and a root hash, each on a line of its own, and no empty line");
        }

        if (!long.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out long size)
            || lines[1] != size.ToString(CultureInfo.InvariantCulture))
        {
            throw new FormatException($"'{lines[1]}' is no tree size: decimal digits without a leading zero");
        }

        return new Checkpoint(lines[0], size, ParseHash(lines[2]), lines[3..]);
    }

    public override string ToString() =>
        string.Concat(((string[])[Origin, Size.ToString(CultureInfo.InvariantCulture), Root.ToBase64(), .. Extensions])
            .Select(static line => line + "\n"));

    /// <exception cref="FormatException">It is not the base64 of 32 bytes, in its one canonical form.</exception>
    internal static TreeHash ParseHash(string base64)
    {
        byte[] hash = Convert.FromBase64String(base64);
        return hash.Length == TreeHash.Bytes && Convert.ToBase64String(hash) == base64
            ? new TreeHash(hash)
            : throw new FormatException($"'{base64}' is not the base64 of a hash of {TreeHash.Bytes} bytes");
    }
}
