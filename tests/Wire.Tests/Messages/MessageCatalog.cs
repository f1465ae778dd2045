using System.Collections;
using System.Reflection;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Wire.Tests.Messages;

/// <summary>All generated messages, found by reflection, so that a new definition is tested without another line.</summary>
public static class MessageCatalog
{
    public static IReadOnlyList<MessageKind> All { get; } =
    [
        .. typeof(ProduceRequest).Assembly.GetTypes()
            .Where(type => type.IsClass && typeof(IKafkaMessage).IsAssignableFrom(type))
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select(MessageKind.Of),
    ];

    public static TheoryData<string> Names => [.. All.Select(kind => kind.Info.Name)];

    public static MessageKind Get(string name) => All.Single(kind => kind.Info.Name == name);
}

/// <summary>One message class, and how to read it without knowing it.</summary>
public sealed class MessageKind
{
    private delegate IKafkaMessage Reading(ref WireReader reader, short version);

    private readonly Reading _read;

    private MessageKind(MessageInfo info, Type type, Reading read)
    {
        Info = info;
        Type = type;
        _read = read;
    }

    public MessageInfo Info { get; }

    public Type Type { get; }

    public static MessageKind Of(Type type) =>
        (MessageKind)typeof(MessageKind).GetMethod(nameof(OfMessage), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(type).Invoke(null, null)!;

    public IKafkaMessage Read(ref WireReader reader, short version) => _read(ref reader, version);

    public IKafkaMessage Read(ReadOnlyMemory<byte> bytes, short version)
    {
        var reader = new WireReader(bytes);
        IKafkaMessage message = _read(ref reader, version);
        reader.RequireEnd();
        return message;
    }

    private static MessageKind OfMessage<T>()
        where T : class, IKafkaMessage<T> =>
        new(T.Info, typeof(T), static (ref WireReader reader, short version) => T.Read(ref reader, version));
}

/// <summary>A property of a message or structure that is on the wire.</summary>
public sealed record WireProperty(PropertyInfo Property, WireFieldAttribute Field)
{
    private static readonly NullabilityInfoContext Nullability = new();

    public string Name => Property.Name;

    public bool IsIn(short version) => version >= Field.Since && version <= Field.Until;

    public bool MayBeNull(short version) => Field.NullableSince >= 0 && version >= Field.NullableSince;

    /// <summary>A tagged structure is null when it is absent.</summary>
    public bool IsOptionalStructure => Field.Tag >= 0 && Property.PropertyType.GetProperties().Any(IsOnWire);

    public static IReadOnlyList<WireProperty> Of(Type type) =>
        [
            .. type.GetProperties().Where(IsOnWire)
                .Select(property => new WireProperty(property, property.GetCustomAttribute<WireFieldAttribute>()!)),
        ];

    public static bool IsNullableReference(PropertyInfo property)
    {
        lock (Nullability)
        {
            return Nullability.Create(property).ReadState == NullabilityState.Nullable;
        }
    }

    private static bool IsOnWire(PropertyInfo property) => property.GetCustomAttribute<WireFieldAttribute>() is not null;
}

/// <summary>Shows a value as text that is equal exactly for equal values; only the fields of one version.</summary>
public static class WireText
{
    public static string Of(object? value, short version) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        ReadOnlyMemory<byte> bytes => "0x" + Convert.ToHexString(bytes.Span),
        RecordsPayload records => "0x" + Convert.ToHexString(records.ToArray()),
        double number => BitConverter.DoubleToInt64Bits(number).ToString("x"),
        IList list => "[" + string.Join(", ", list.Cast<object?>().Select(item => Of(item, version))) + "]",
        IFormattable simple => simple.ToString(null, null),
        bool simple => simple ? "true" : "false",
        _ => "{" + string.Join(", ", WireProperty.Of(value.GetType()).Where(property => property.IsIn(version))
            .Select(property => $"{property.Name}: {Of(property.Property.GetValue(value), version)}")) + "}",
    };
}
