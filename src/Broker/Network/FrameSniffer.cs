using System.Buffers.Binary;

namespace PipeRoll.Broker.Network;

/// <summary>Says what the first bytes of a connection look like when they are not a Kafka frame: the log line that saves an hour.</summary>
internal static class FrameSniffer
{
    /// <summary>API key, version and correlation id.</summary>
    public const int HeaderBytesMin = 8;

    /// <summary>A token of a SASL mechanism in a bare frame has no header.</summary>
    public const int TokenBytesMin = 1;

    /// <summary>The most that somebody may send who has not said yet who he is.</summary>
    public const int UnauthenticatedBytesMax = 512 * 1024;

    /// <returns>Null when the four bytes are a length that may be read; else what they look like.</returns>
    public static string? Refuse(ReadOnlySpan<byte> prefix, int requestBytesMax, int requestBytesMin = HeaderBytesMin)
    {
        int length = BinaryPrimitives.ReadInt32BigEndian(prefix);
        if (length >= requestBytesMin && length <= requestBytesMax)
        {
            return null;
        }

        if (prefix[0] == 0x16 && prefix[1] == 0x03)
        {
            return "a TLS client hello on a plaintext listener: set the client's security.protocol to PLAINTEXT";
        }

        if (prefix.SequenceEqual("GET "u8) || prefix.SequenceEqual("POST"u8) || prefix.SequenceEqual("HEAD"u8)
            || prefix.SequenceEqual("PUT "u8) || prefix.SequenceEqual("OPTI"u8) || prefix.SequenceEqual("PRI "u8))
        {
            return "an HTTP request on the Kafka port: the HTTP port is another one";
        }

        if (prefix.SequenceEqual("SSH-"u8))
        {
            return "an SSH client on the Kafka port";
        }

        return length < requestBytesMin
            ? $"a frame of {length} bytes, less than a request header: not the Kafka protocol"
            : $"a frame of {length} bytes, more than the {requestBytesMax} allowed (socket.request.max.bytes): "
              + "not the Kafka protocol, or a request to split";
    }
}
