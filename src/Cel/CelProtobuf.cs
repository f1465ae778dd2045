using PipeRoll.Cel.Protobuf;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel;

/// <summary>
/// Protobuf messages for expressions: the types of descriptors and the well-known ones of <c>google.protobuf</c>. Give it to
/// <see cref="CelEnvironment.Builder.Protobuf"/>. Immutable; safe for any number of threads.
/// </summary>
public sealed class CelProtobuf
{
    /// <summary>
    /// Only <c>Any</c>, <c>Timestamp</c>, <c>Duration</c>, <c>Struct</c>, <c>Value</c>, <c>ListValue</c>, the wrappers, <c>FieldMask</c>, <c>Empty</c>.
    /// </summary>
    public static readonly CelProtobuf WellKnown = new([], strongEnums: false);

    private CelProtobuf(IEnumerable<Drafts> drafts, bool strongEnums)
    {
        var builder = new SchemaBuilder(strongEnums);
        builder.Add(WellKnownTypes.Drafts());
        foreach (Drafts each in drafts)
        {
            builder.Add(each);
        }

        builder.Complete();
        Messages = builder.Messages;
        Enums = builder.Enums;
    }

    internal IReadOnlyDictionary<string, ProtoMessageType> Messages { get; }

    internal IReadOnlyDictionary<string, ProtoEnum> Enums { get; }

    /// <summary>The names of all messages, sorted.</summary>
    public IEnumerable<string> MessageNames =>
        Messages.Where(message => !message.Value.IsMapEntry).Select(message => message.Key).Order(StringComparer.Ordinal);

    /// <summary>Reads descriptors, as <c>protoc --include_imports --descriptor_set_out=FILE</c> writes them.</summary>
    /// <param name="fileDescriptorSet">A serialised <c>google.protobuf.FileDescriptorSet</c>.</param>
    /// <param name="strongEnums">
    /// Whether values of enumerations have types of their own (<c>acme.Colour.RED</c>, <c>acme.Colour(1)</c>, <c>int(colour)</c>) instead
    /// of being ints.
    /// </param>
    /// <exception cref="InvalidDataException">The bytes are no such set, or types are missing in it.</exception>
    public static CelProtobuf Read(ReadOnlySpan<byte> fileDescriptorSet, bool strongEnums = false) =>
        new([DescriptorReader.Read(fileDescriptorSet)], strongEnums);

    /// <summary>The type that a variable holding such a message has, e.g. <c>wrapper(int)</c> for Int64Value; null when there is none.</summary>
    public CelType? TypeOf(string messageName) => Messages.GetValueOrDefault(messageName)?.ValueType;

    /// <summary>A message from its bytes, as expressions see it.</summary>
    /// <exception cref="ArgumentException">There is no message of that name.</exception>
    /// <exception cref="InvalidDataException">The bytes are not such a message.</exception>
    public CelValue Decode(string messageName, ReadOnlySpan<byte> bytes) => Messages.TryGetValue(messageName, out ProtoMessageType? type)
        ? ProtoBinary.Decode(type, bytes)
        : throw new ArgumentException($"No descriptor declares the message {messageName}.", nameof(messageName));

    internal void AddTo(CelEnvironment.Builder builder)
    {
        foreach (ProtoMessageType message in Messages.Values.Where(message => !message.IsMapEntry))
        {
            builder.Struct(message.StructType);
        }

        foreach (ProtoEnum each in Enums.Values)
        {
            foreach ((string name, int number) in each.Values)
            {
                builder.Constant($"{each.Name}.{name}", each.ValueOf(number));
            }

            if (each.IsStrong)
            {
                AddStrong(builder, each);
            }
        }
    }

    private static void AddStrong(CelEnvironment.Builder builder, ProtoEnum each)
    {
        builder.Constant(each.Name, CelValue.Type(each.Type));
        builder.Function("int", Static(each.Type, CelType.Int, (in value) => CelValue.Int(((ProtoEnumValue)value.StructValue).Number)));
        builder.Function(
            each.Name,
            Static(CelType.Int, each.Type, (in value) => value.IntValue is >= int.MinValue and <= int.MaxValue
                ? each.ValueOf((int)value.IntValue)
                : CelValue.Error(CelErrorCode.Overflow, $"range error: {value} does not fit into the 32 bits of {each.Name}")),
            Static(CelType.String, each.Type, (in value) => each.NumberOf(value.StringValue) is int number
                ? each.ValueOf(number)
                : CelValue.Error(CelErrorCode.BadArgument, $"invalid name: {each.Name} has no value {value}")));
    }
}
