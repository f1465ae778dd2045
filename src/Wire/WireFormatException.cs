using System.Diagnostics.CodeAnalysis;

namespace PipeRoll.Wire;

/// <summary>Bytes from outside that are not what the Kafka protocol says: the connection that sent them is closed.</summary>
public sealed class WireFormatException : Exception
{
    public WireFormatException(string message)
        : base(message)
    {
    }

    public WireFormatException(string message, Exception inner)
        : base(message, inner)
    {
    }

    [DoesNotReturn]
    internal static void Throw(string message) => throw new WireFormatException(message);

    internal static void RequireVersion(string message, short version, short lowest, short highest)
    {
        if (version < lowest || version > highest)
        {
            Throw($"{message} has the versions {lowest} to {highest}, not {version}");
        }
    }
}
