using System.Globalization;

namespace PipeRoll.Streams.Stores;

/// <summary>Names of objects.</summary>
public static class ObjectKeys
{
    /// <summary>Prefix of all data objects.</summary>
    public const string DataPrefix = "data/";

    private const string Suffix = ".obj";

    /// <summary>
    /// Key of a data object: <c>data/HH/ID.obj</c>, ID being 16 hexadecimal digits and HH its last two, which spreads
    /// consecutive objects over the key space.
    /// </summary>
    public static string ForData(long objectId) => $"{DataPrefix}{objectId & 0xff:x2}/{objectId:x16}{Suffix}";

    public static bool TryParseData(string key, out long objectId)
    {
        objectId = 0;
        return key.StartsWith(DataPrefix, StringComparison.Ordinal) && key.EndsWith(Suffix, StringComparison.Ordinal)
            && long.TryParse(
                key.AsSpan(key.LastIndexOf('/') + 1)[..^Suffix.Length], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out objectId)
            && key == ForData(objectId);
    }

    /// <exception cref="ArgumentException">The key has other characters than <see cref="IObjectStore"/> allows.</exception>
    internal static void Check(string key)
    {
        bool valid = key.Length is > 0 and <= 512 && !key.StartsWith('/') && !key.EndsWith('/') && !key.Contains("//", StringComparison.Ordinal)
            && !key.Split('/').Any(part => part is "." or "..")
            && key.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '-' or '.' or '_' or '/');
        if (!valid)
        {
            throw new ArgumentException($"'{key}' is not a valid object key");
        }
    }

    internal static byte[] Concatenate(IReadOnlyList<ReadOnlyMemory<byte>> content)
    {
        byte[] bytes = new byte[content.Sum(c => c.Length)];
        int position = 0;
        foreach (ReadOnlyMemory<byte> part in content)
        {
            part.CopyTo(bytes.AsMemory(position));
            position += part.Length;
        }

        return bytes;
    }
}
