using System.Buffers.Binary;
using System.Text;

namespace PipeRoll.Proofs.Notes;

/// <param name="Signature">Without the key id.</param>
public sealed record NoteSignature(string Name, uint KeyId, ReadOnlyMemory<byte> Signature);

/// <summary>
/// A text with signatures over it (C2SP signed-note): the text, an empty line, one line per signature. A note is only
/// worth what <see cref="VerifiedBy"/> says of it.
/// </summary>
public sealed class SignedNote
{
    private const string LinePrefix = "— ";
    private const int KeyIdBytes = 4;
    private const int SignaturesMax = 100;
    private const int CharactersMax = 1_000_000;

    private SignedNote(string text, IReadOnlyList<NoteSignature> signatures)
    {
        Text = text;
        Signatures = signatures;
    }

    /// <summary>With the newline at its end, which is signed too.</summary>
    public string Text { get; }

    public IReadOnlyList<NoteSignature> Signatures { get; }

    /// <exception cref="FormatException">The text does not end in a newline or has a control character.</exception>
    public static SignedNote Sign(string text, params IReadOnlyList<NoteSigner> signers)
    {
        CheckText(text);
        byte[] message = Encoding.UTF8.GetBytes(text);
        return new SignedNote(
            text,
            [.. signers.Select(signer => new NoteSignature(signer.Verifier.Name, signer.Verifier.KeyId, signer.Sign(message)))]);
    }

    /// <exception cref="FormatException">It is no signed note.</exception>
    public static SignedNote Parse(string note)
    {
        if (note.Length > CharactersMax)
        {
            throw new FormatException($"a note has at most {CharactersMax} characters, not {note.Length}");
        }

        // The last empty line: the text may have others.
        int split = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0 || split + 2 == note.Length || !note.EndsWith('\n'))
        {
            throw new FormatException("a signed note is a text, an empty line, and signature lines that end in a newline");
        }

        string text = note[..(split + 1)];
        CheckText(text);
        string[] lines = note[(split + 2)..^1].Split('\n');
        if (lines.Length > SignaturesMax)
        {
            throw new FormatException($"a note has at most {SignaturesMax} signatures");
        }

        return new SignedNote(text, [.. lines.Select(ParseLine)]);
    }

    /// <summary>Those of the verifiers who have signed this text. A signature of a known key that is wrong spoils the note.</summary>
    /// <exception cref="FormatException">A signature claims a known key, but is not its own.</exception>
    public IReadOnlyList<NoteVerifier> VerifiedBy(params IReadOnlyList<NoteVerifier> known)
    {
        byte[] message = Encoding.UTF8.GetBytes(Text);
        List<NoteVerifier> verified = [];
        foreach (NoteSignature signature in Signatures)
        {
            NoteVerifier? verifier = known.FirstOrDefault(key => key.Name == signature.Name && key.KeyId == signature.KeyId);
            if (verifier is null || verified.Contains(verifier))
            {
                continue;
            }

            if (!verifier.Verify(message, signature.Signature.Span))
            {
                throw new FormatException($"the signature of {verifier.Name} does not fit the text: one of them was changed");
            }

            verified.Add(verifier);
        }

        return verified;
    }

    public override string ToString()
    {
        StringBuilder note = new(Text);
        note.Append('\n');
        foreach (NoteSignature signature in Signatures)
        {
            byte[] coded = new byte[KeyIdBytes + signature.Signature.Length];
            BinaryPrimitives.WriteUInt32BigEndian(coded, signature.KeyId);
            signature.Signature.CopyTo(coded.AsMemory(KeyIdBytes));
            note.Append(LinePrefix).Append(signature.Name).Append(' ').Append(Convert.ToBase64String(coded)).Append('\n');
        }

        return note.ToString();
    }

    private static NoteSignature ParseLine(string line)
    {
        string[] parts = line.StartsWith(LinePrefix, StringComparison.Ordinal) ? line[LinePrefix.Length..].Split(' ') : [];
        if (parts.Length != 2)
        {
            throw new FormatException("a signature line reads: an em dash, a space, a name, a space, base64");
        }

        byte[] coded = Convert.FromBase64String(parts[1]);
        if (coded.Length <= KeyIdBytes || Convert.ToBase64String(coded) != parts[1])
        {
            throw new FormatException($"the signature of {parts[0]} is not base64 of a key id and a signature");
        }

        return new NoteSignature(NoteVerifier.CheckName(parts[0]), BinaryPrimitives.ReadUInt32BigEndian(coded), coded.AsMemory(KeyIdBytes));
    }

    private static void CheckText(string text)
    {
        if (!text.EndsWith('\n') || text.Any(static letter => letter < ' ' && letter != '\n'))
        {
            throw new FormatException("the text of a note ends in a newline and has no other control character");
        }
    }
}
