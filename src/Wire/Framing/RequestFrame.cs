using System.Buffers.Binary;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Wire.Framing;

/// <summary>The beginning of every request: which API in which version, and so which header it has.</summary>
public static class RequestFrame
{
    /// <summary>The length prefix of a frame, in bytes.</summary>
    public const int PrefixBytes = sizeof(int);

    private const int KeyAndVersionBytes = 2 * sizeof(short);

    /// <summary>The length of the frame that follows the prefix.</summary>
    /// <exception cref="WireFormatException">The length is negative or above <paramref name="bytesMax"/>: close the connection.</exception>
    public static int ReadLength(ReadOnlySpan<byte> prefix, int bytesMax)
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
        return length >= 0 && length <= bytesMax
            ? length
            : throw new WireFormatException($"a request claims {length} bytes: at most {bytesMax} are accepted");
    }

    /// <summary>
    /// Reads the header; the reader then stands at the request. A header of an API that is not defined is read as
    /// version 1: only its correlation id is of use, to refuse it.
    /// </summary>
    public static RequestHeader ReadHeader(ref WireReader reader)
    {
        ReadOnlySpan<byte> frame = reader.Rest;
        if (frame.Length < KeyAndVersionBytes)
        {
            throw new WireFormatException($"a request of {frame.Length} bytes is too short to have a header");
        }

        short key = BinaryPrimitives.ReadInt16BigEndian(frame);
        short version = BinaryPrimitives.ReadInt16BigEndian(frame[sizeof(short)..]);
        short headerVersion = ApiVersionsTable.TryGet(key, out ApiSupport api) ? api.RequestHeaderVersion(version) : (short)1;
        return RequestHeader.Read(ref reader, headerVersion);
    }
}
