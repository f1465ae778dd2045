using System.Collections;
using PipeRoll.Wire.Framing;

namespace PipeRoll.Wire.Tests.Messages;

/// <summary>Fills messages with random values, only in the fields that exist in a version: the generator of the property tests.</summary>
public sealed class RandomMessages(Random random)
{
    private const int ItemsMax = 4;
    private const string Letters = "abcXYZ019.-_ é漢😀";

    public IKafkaMessage Message(Type type, short version) => (IKafkaMessage)Structure(type, version);

    private object Structure(Type type, short version)
    {
        object value = Activator.CreateInstance(type)!;
        foreach (WireProperty property in WireProperty.Of(type).Where(property => property.IsIn(version)))
        {
            bool leave = property.Field.Tag >= 0 && random.Next(2) == 0;
            if (!leave)
            {
                property.Property.SetValue(value, Value(property, version));
            }
        }

        return value;
    }

    private object? Value(WireProperty property, short version)
    {
        if (property.MayBeNull(version) && random.Next(4) == 0)
        {
            return null;
        }

        Type type = property.Property.PropertyType;
        if (!typeof(IList).IsAssignableFrom(type))
        {
            return Single(Nullable.GetUnderlyingType(type) ?? type, version);
        }

        var list = (IList)Activator.CreateInstance(type)!;
        Type item = type.GetGenericArguments()[0];
        for (int left = random.Next(ItemsMax); left > 0; left--)
        {
            list.Add(Single(item, version));
        }

        return list;
    }

    private object Single(Type type, short version)
    {
        if (type == typeof(string))
        {
            return Text();
        }

        if (type == typeof(ReadOnlyMemory<byte>))
        {
            return new ReadOnlyMemory<byte>(Bytes());
        }

        if (type == typeof(RecordsPayload))
        {
            return random.Next(2) == 0 ? new RecordsPayload(Bytes()) : new RecordsPayload([Bytes(), Bytes()]);
        }

        return Primitive(type) ?? Structure(type, version);
    }

    private object? Primitive(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Boolean => random.Next(2) == 0,
        TypeCode.SByte => (sbyte)Number(),
        TypeCode.Int16 => (short)Number(),
        TypeCode.UInt16 => (ushort)Number(),
        TypeCode.Int32 => (int)Number(),
        TypeCode.Int64 => Number(),
        TypeCode.Double => BitConverter.Int64BitsToDouble(Number()),
        _ when type == typeof(Guid) => new Guid(Bytes(16)),
        _ => null,
    };

    /// <summary>Small numbers, extremes, and anything.</summary>
    private long Number() => random.Next(4) switch
    {
        0 => random.Next(-2, 3),
        1 => long.MaxValue - random.Next(2),
        2 => long.MinValue + random.Next(2),
        _ => random.NextInt64(long.MinValue, long.MaxValue),
    };

    private string Text()
    {
        int length = random.Next(8) == 0 ? random.Next(300) : random.Next(6);
        string[] letters = [.. Letters.EnumerateRunes().Select(rune => rune.ToString())];
        return string.Concat(Enumerable.Range(0, length).Select(_ => letters[random.Next(letters.Length)]));
    }

    private byte[] Bytes() => Bytes(random.Next(8) == 0 ? random.Next(5000) : random.Next(20));

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
