using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Records;
using PipeRoll.Wire.Tests.Messages;

namespace PipeRoll.Wire.Tests.Fuzz;

/// <summary>
/// Every parser of bytes from outside, in the shape that SharpFuzz drives. A target may throw <see cref="WireFormatException"/>
/// and nothing else, must end, and must not allocate more than <see cref="FixedBytes"/> + <see cref="BytesPerByte"/> × input.
/// </summary>
public static class Targets
{
    /// <summary>
    /// The most that reading allocates for a byte of input: a structure of three bytes (empty name, empty array, no tags)
    /// becomes an object with a list, and a slot in the list around it.
    /// </summary>
    public const int BytesPerByte = 64;

    /// <summary>What an input costs besides: exceptions, the decompressors' own state, first buffers.</summary>
    public const int FixedBytes = 512 * 1024;

    /// <summary>The bound on what decompression may give.</summary>
    public const int DecompressedBytesMax = 256 * 1024;

    private const int FrameBytesMax = 1024 * 1024;

    public static IReadOnlyList<FuzzTarget> All { get; } =
        [new("message", Message), new("request", Request), new("length", Length), new("batch", Batch), new("resealed batch", ResealedBatch),
         new("batches", StoredBatches), new("decompress", Decompress)];

    /// <summary>The first byte chooses the message, the second its version; the rest is the message.</summary>
    public static void Message(ReadOnlySpan<byte> input)
    {
        if (input.Length < 2)
        {
            return;
        }

        MessageKind kind = MessageCatalog.All[input[0] % MessageCatalog.All.Count];
        int versions = kind.Info.MaxVersion - kind.Info.MinVersion + 1;
        var reader = new WireReader(input[2..].ToArray());
        kind.Read(ref reader, (short)(kind.Info.MinVersion + (input[1] % versions)));
    }

    /// <summary>A request frame without its length, as a connection reads it: header, then the request that the header names.</summary>
    public static void Request(ReadOnlySpan<byte> input)
    {
        var reader = new WireReader(input.ToArray(), new StringCache());
        PipeRoll.Wire.Messages.RequestHeader header = RequestFrame.ReadHeader(ref reader);
        bool isServed = ApiVersionsTable.TryGet(header.RequestApiKey, out ApiSupport api) && api.Serves(header.RequestApiVersion);
        if (isServed)
        {
            MessageCatalog.Get(api.Name + "Request").Read(ref reader, header.RequestApiVersion);
        }
    }

    public static void Length(ReadOnlySpan<byte> input)
    {
        if (input.Length >= RequestFrame.PrefixBytes)
        {
            RequestFrame.ReadLength(input, FrameBytesMax);
        }
    }

    /// <summary>Records of a produce request: judged by value, no exception at all.</summary>
    public static void Batch(ReadOnlySpan<byte> input) => Judge(input.ToArray());

    /// <summary>The same with the checksum made right, so that what lies behind it is reached.</summary>
    public static void ResealedBatch(ReadOnlySpan<byte> input)
    {
        byte[] batch = input.ToArray();
        if (batch.Length >= RecordBatchHeader.Bytes)
        {
            RecordBatchPatch.SetCrc(batch);
        }

        Judge(batch);
    }

    /// <summary>Batches as a consumer of our own reads them.</summary>
    public static void StoredBatches(ReadOnlySpan<byte> input)
    {
        using var decompressor = new RecordDecompressor();
        ReadOnlyMemory<byte> rest = input.ToArray();
        while (RecordBatches.TryTakeFirst(ref rest, out RecordBatchHeader header, out ReadOnlyMemory<byte> batch))
        {
            ReadOnlyMemory<byte> records =
                RecordBatches.OpenRecords(header, batch, decompressor, DecompressedBytesMax, out PooledBytes? lease);
            using (lease)
            {
                Visit(header, records.Span);
            }
        }
    }

    /// <summary>The first byte chooses the codec.</summary>
    public static void Decompress(ReadOnlySpan<byte> input)
    {
        if (input.Length == 0)
        {
            return;
        }

        using var decompressor = new RecordDecompressor();
        decompressor.Decompress((CompressionCodec)(input[0] & 7), input[1..].ToArray(), DecompressedBytesMax, out PooledBytes? output);
        output?.Dispose();
    }

    private static void Judge(byte[] batch)
    {
        using var decompressor = new RecordDecompressor();
        var rules = new RecordBatchRules { DecompressedBytesMax = DecompressedBytesMax };
        RecordBatchVerdict verdict = RecordBatchValidator.Validate(batch, rules, decompressor);
        if (verdict.IsValid != verdict.Reason is null)
        {
            throw new InvalidOperationException("a refusal has a reason, and only a refusal");
        }
    }

    private static void Visit(in RecordBatchHeader header, ReadOnlySpan<byte> records)
    {
        foreach (var record in new RecordReader(header, records))
        {
            RecordHeaderReader headers = record.Headers;
            while (headers.MoveNext())
            {
                _ = headers.Key.Length + headers.Value.Length;
            }
        }
    }
}

public delegate void FuzzBody(ReadOnlySpan<byte> input);

public sealed record FuzzTarget(string Name, FuzzBody Body);
