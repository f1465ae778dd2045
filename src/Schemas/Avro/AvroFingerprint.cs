using System.Text;

namespace PipeRoll.Schemas.Avro;

/// <summary>CRC-64-AVRO of a Parsing Canonical Form (specification, "Schema Fingerprints").</summary>
public static class AvroFingerprint
{
    private const ulong Empty = 0xc15d213aa4d7a795;

    private static readonly ulong[] Table = MakeTable();

    public static ulong Of(string canonicalForm)
    {
        ulong fingerprint = Empty;
        foreach (byte letter in Encoding.UTF8.GetBytes(canonicalForm))
        {
            fingerprint = (fingerprint >> 8) ^ Table[(byte)(fingerprint ^ letter)];
        }

        return fingerprint;
    }

    private static ulong[] MakeTable()
    {
        var table = new ulong[256];
        for (int i = 0; i < table.Length; i++)
        {
            ulong entry = (ulong)i;
            for (int bit = 0; bit < 8; bit++)
            {
                entry = (entry >> 1) ^ ((entry & 1) == 0 ? 0 : Empty);
            }

            table[i] = entry;
        }

        return table;
    }
}
