using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Records;
using PipeRoll.Wire.Tests.Messages;
using PipeRoll.Wire.Tests.Records;

namespace PipeRoll.Wire.Tests.Fuzz;

/// <summary>Valid inputs of each target, to be mutated.</summary>
internal static class Corpus
{
    public static byte[] Valid(string target, Random random) => target switch
    {
        "message" => Message(random),
        "request" => Request(random),
        "length" => [0, 0, 1, 0],
        "decompress" => Compressed(random),
        "batches" => [.. Batches.Random(random, Codec(random)), .. Batches.Random(random, Codec(random))],
        _ => Batches.Random(random, Codec(random)),
    };

    /// <summary>Flips, overwrites, cuts, doubles and inserts, a few times; now and then the extreme values that lengths fear.</summary>
    public static byte[] Mutated(byte[] valid, Random random)
    {
        List<byte> bytes = [.. valid];
        for (int left = 1 + random.Next(4); left > 0 && bytes.Count > 0; left--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)(random.Next(3) == 0 ? 0xFF : random.Next(256));
                    break;
                case 2:
                    bytes.RemoveRange(at, random.Next(bytes.Count - at));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(Math.Min(bytes.Count - at, 64))));
                    break;
                case 4:
                    Overwrite(bytes, at, [0x7F, 0xFF, 0xFF, 0xFF]);
                    break;
                default:
                    Overwrite(bytes, at, [0xFF, 0xFF, 0xFF, 0xFF, 0x07]);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void Overwrite(List<byte> bytes, int at, ReadOnlySpan<byte> values)
    {
        for (int index = 0; index < values.Length && at + index < bytes.Count; index++)
        {
            bytes[at + index] = values[index];
        }
    }

    private static byte[] Message(Random random)
    {
        int number = random.Next(MessageCatalog.All.Count);
        MessageKind kind = MessageCatalog.All[number];
        int version = random.Next(kind.Info.MaxVersion - kind.Info.MinVersion + 1);
        short wireVersion = (short)(kind.Info.MinVersion + version);
        IKafkaMessage message = new RandomMessages(random).Message(kind.Type, wireVersion);
        return [(byte)number, (byte)version, .. ResponseFrame.ToBytes(message, wireVersion)];
    }

    private static byte[] Request(Random random)
    {
        ApiSupport api = ApiVersionsTable.All[random.Next(ApiVersionsTable.All.Length)];
        short version = (short)random.Next(api.ServedMin, api.MaxVersion + 1);
        IKafkaMessage request = new RandomMessages(random).Message(MessageCatalog.Get(api.Name + "Request").Type, version);
        using ResponseFrame frame = ResponseFrame.ForRequest(api, version, random.Next(), "fuzz", request);
        return frame.ToArray()[RequestFrame.PrefixBytes..];
    }

    private static byte[] Compressed(Random random)
    {
        CompressionCodec codec = Codec(random);
        byte[] content = new byte[random.Next(5000)];
        random.NextBytes(content.AsSpan(0, content.Length / 2));
        using var output = new PooledBytes(0, 1024 * 1024);
        RecordCompressor.Compress(codec, content, output);
        return [(byte)codec, .. output.Span];
    }

    private static CompressionCodec Codec(Random random) => (CompressionCodec)random.Next(5);
}
