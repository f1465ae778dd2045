using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Wire.Framing;

/// <summary>
/// The bytes of one message as a list of memory segments: headers and fields in pooled chunks, records in the memory
/// where they already were. Write the segments to the stream in order, then dispose.
/// </summary>
/// <remarks>
/// Ownership: the frame owns its chunks and the leases of the records spliced in; <see cref="Dispose"/> gives all back,
/// after which the segments must not be read. Not thread-safe.
/// </remarks>
public sealed class ResponseFrame : IDisposable
{
    private const int FirstChunkBytes = 512;
    private const int ChunkBytesMax = 64 * 1024;

    private readonly List<ReadOnlyMemory<byte>> _segments = [];
    private readonly List<byte[]> _chunks = [];
    private List<IDisposable>? _owners;
    private int _nextChunkBytes = FirstChunkBytes;

    /// <summary>In bytes, the length prefix included.</summary>
    public int Length { get; private set; }

    public IReadOnlyList<ReadOnlyMemory<byte>> Segments => _segments;

    /// <summary>The length prefix, the response header of the right version, and the response.</summary>
    public static ResponseFrame ForResponse(ApiSupport api, short version, int correlationId, IKafkaMessage response)
    {
        short headerVersion = api.ResponseHeaderVersion(version);
        return Prefixed(new ResponseHeader { CorrelationId = correlationId }, headerVersion, response, version);
    }

    /// <summary>The length prefix, the request header of the right version, and the request: what a client sends.</summary>
    public static ResponseFrame ForRequest(ApiSupport api, short version, int correlationId, string? clientId, IKafkaMessage request)
    {
        var header = new RequestHeader
        {
            RequestApiKey = (short)api.Key,
            RequestApiVersion = version,
            CorrelationId = correlationId,
            ClientId = clientId,
        };
        return Prefixed(header, api.RequestHeaderVersion(version), request, version);
    }

    /// <summary>The length prefix and a token of a SASL mechanism, as they follow SaslHandshake version 0.</summary>
    public static ResponseFrame ForToken(ReadOnlyMemory<byte> token)
    {
        var frame = new ResponseFrame();
        byte[] chunk = frame.Rent(sizeof(int) + token.Length);
        BinaryPrimitives.WriteInt32BigEndian(chunk, token.Length);
        token.Span.CopyTo(chunk.AsSpan(sizeof(int)));
        frame.AddSegment(chunk.AsMemory(0, sizeof(int) + token.Length));
        return frame;
    }

    /// <summary>A message without a length prefix, in one array of its own: for embedded messages and tests.</summary>
    public static byte[] ToBytes(IKafkaMessage message, short version)
    {
        using var frame = new ResponseFrame();
        var writer = new WireWriter(frame);
        message.Write(ref writer, version);
        writer.Flush();
        return frame.ToArray();
    }

    public byte[] ToArray()
    {
        byte[] all = new byte[Length];
        int position = 0;
        foreach (ReadOnlyMemory<byte> segment in _segments)
        {
            segment.Span.CopyTo(all.AsSpan(position));
            position += segment.Length;
        }

        return all;
    }

    public void Dispose()
    {
        foreach (byte[] chunk in _chunks)
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        _chunks.Clear();
        _segments.Clear();
        Length = 0;
        foreach (IDisposable owner in CollectionsMarshal.AsSpan(_owners))
        {
            owner.Dispose();
        }

        _owners = null;
    }

    internal byte[] Rent(int bytesMin)
    {
        byte[] chunk = ArrayPool<byte>.Shared.Rent(Math.Max(bytesMin, _nextChunkBytes));
        _nextChunkBytes = Math.Min(_nextChunkBytes * 4, ChunkBytesMax);
        _chunks.Add(chunk);
        return chunk;
    }

    internal void AddSegment(ReadOnlyMemory<byte> segment)
    {
        Length = checked(Length + segment.Length);
        _segments.Add(segment);
    }

    internal void AddOwner(IDisposable? owner)
    {
        if (owner is not null)
        {
            (_owners ??= []).Add(owner);
        }
    }

    private static ResponseFrame Prefixed(IKafkaMessage header, short headerVersion, IKafkaMessage body, short version)
    {
        var frame = new ResponseFrame();
        try
        {
            var writer = new WireWriter(frame);
            writer.WriteInt32(0);
            header.Write(ref writer, headerVersion);
            body.Write(ref writer, version);
            writer.Flush();
            BinaryPrimitives.WriteInt32BigEndian(frame._chunks[0], frame.Length - sizeof(int));
            return frame;
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }
}
