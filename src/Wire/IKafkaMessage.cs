using PipeRoll.Wire.Framing;

namespace PipeRoll.Wire;

/// <summary>A message of the Kafka protocol that writes itself in any version of its range.</summary>
public interface IKafkaMessage
{
    /// <summary>Writes the fields that exist in <paramref name="version"/>; the others are left out without a word.</summary>
    /// <exception cref="WireFormatException">The version is out of range.</exception>
    /// <exception cref="InvalidOperationException">A field is null that may not be null in this version.</exception>
    void Write(ref WireWriter writer, short version);
}

/// <summary>What generic code needs to read a message; the same facts are constants of each message class.</summary>
public interface IKafkaMessage<TSelf> : IKafkaMessage
    where TSelf : IKafkaMessage<TSelf>
{
    static abstract MessageInfo Info { get; }

    /// <exception cref="WireFormatException">The bytes are not this message in this version.</exception>
    static abstract TSelf Read(ref WireReader reader, short version);
}

/// <summary>A request: what a client sends after the request header.</summary>
public interface IKafkaRequest : IKafkaMessage;

/// <summary>A response: what a broker sends after the response header.</summary>
public interface IKafkaResponse : IKafkaMessage
{
    /// <summary>Tells the counter every error code in the response that is not zero, one call for each.</summary>
    void CountErrors(IErrorCounter counter);
}

/// <summary>A response that tells the client for how long it was, or should have been, kept waiting by a quota.</summary>
public interface IThrottledResponse : IKafkaResponse
{
    int ThrottleTimeMs { get; set; }
}

/// <summary>Is told the errors of responses.</summary>
public interface IErrorCounter
{
    /// <param name="error">A <see cref="KafkaError"/>, never zero.</param>
    void Count(short error);
}

/// <param name="ApiKey">The key of the API, or -1 for messages that are not part of one (headers, embedded messages).</param>
/// <param name="FlexibleSince">The first version with compact forms and tags (KIP-482); <see cref="short.MaxValue"/> if none.</param>
public readonly record struct MessageInfo(string Name, short ApiKey, short MinVersion, short MaxVersion, short FlexibleSince);
