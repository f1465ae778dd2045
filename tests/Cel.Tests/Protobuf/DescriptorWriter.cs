using System.Globalization;

namespace PipeRoll.Cel.Tests.Protobuf;

/// <summary>
/// Writes a file descriptor from lines such as <c>repeated int32 numbers = 4</c>, <c>map string .acme.Event events = 5</c>,
/// <c>oneof bool flag = 6</c>, <c>optional int32 count = 7 -1</c> (the last word is a default). Types of messages begin with a dot, those of
/// enumerations with a hash, those of groups with an at sign.
/// </summary>
internal sealed class DescriptorWriter(string package, bool isProto3)
{
    private static readonly string[] Kinds =
    [
        "", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "group", "", "bytes", "uint32", "",
        "sfixed32", "sfixed64", "sint32", "sint64",
    ];

    private readonly WireWriter _file = new WireWriter()
        .Text(1, package.Replace('.', '/') + ".proto")
        .Text(2, package)
        .Text(12, isProto3 ? "proto3" : "proto2");

    /// <summary>The file as a set of one.</summary>
    public WireWriter File => _file;

    public static byte[] Set(params DescriptorWriter[] files)
    {
        var set = new WireWriter();
        foreach (DescriptorWriter file in files)
        {
            set.Message(1, file.File);
        }

        return set.Bytes;
    }

    public DescriptorWriter Message(string name, IEnumerable<string> fields, params WireWriter[] nested)
    {
        _file.Message(4, MessageOf(name, $".{package}.{name}", fields, nested));
        return this;
    }

    public DescriptorWriter Enum(string name, params string[] values)
    {
        _file.Message(5, EnumOf(name, values));
        return this;
    }

    /// <summary>An extension of a message of this package.</summary>
    public DescriptorWriter Extension(string extendee, string field)
    {
        _file.Message(7, FieldOf(field, []).Text(2, $".{package}.{extendee}"));
        return this;
    }

    /// <summary>A message that declares extensions of another one of this package.</summary>
    public DescriptorWriter Extensions(string scope, string extendee, params string[] fields)
    {
        var message = new WireWriter().Text(1, scope);
        foreach (string field in fields)
        {
            message.Message(6, FieldOf(field, []).Text(2, $".{package}.{extendee}"));
        }

        _file.Message(4, message);
        return this;
    }

    public WireWriter Nested(string parent, string name, params string[] fields) =>
        new WireWriter().Message(3, MessageOf(name, $".{package}.{parent}.{name}", fields, []));

    public static WireWriter NestedEnum(string name, params string[] values) => new WireWriter().Message(4, EnumOf(name, values));

    private static WireWriter EnumOf(string name, string[] values)
    {
        var made = new WireWriter().Text(1, name);
        for (int number = 0; number < values.Length; number++)
        {
            made.Message(2, new WireWriter().Text(1, values[number]).Varint(2, (ulong)number));
        }

        return made;
    }

    private static WireWriter MessageOf(string name, string fullName, IEnumerable<string> fields, WireWriter[] nested)
    {
        var made = new WireWriter().Text(1, name);
        var oneofs = new List<string>();
        foreach (string line in fields)
        {
            string[] words = line.Split(' ');
            if (words[0] == "map")
            {
                string entry = $"{string.Concat(words[3].Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]))}Entry";
                made.Message(3, new WireWriter()
                    .Text(1, entry)
                    .Message(2, FieldOf($"optional {words[1]} key = 1", oneofs))
                    .Message(2, FieldOf($"optional {words[2]} value = 2", oneofs))
                    .Message(7, new WireWriter().Varint(7, 1)));
                made.Message(2, FieldOf($"repeated {fullName}.{entry} {words[3]} = {words[5]}", oneofs));
                continue;
            }

            made.Message(2, FieldOf(line, oneofs));
        }

        foreach (string oneof in oneofs)
        {
            made.Message(8, new WireWriter().Text(1, oneof));
        }

        nested.ToList().ForEach(each => made.Append(each));
        return made;
    }

    private static WireWriter FieldOf(string line, List<string> oneofs)
    {
        string[] words = line.Split(' ');
        string type = words[1];
        var field = new WireWriter()
            .Text(1, words[2])
            .Varint(3, ulong.Parse(words[4], CultureInfo.InvariantCulture))
            .Varint(4, words[0] == "repeated" ? 3u : 1u);
        if (type[0] is '.' or '#' or '@')
        {
            field.Varint(5, type[0] == '#' ? 14u : type[0] == '@' ? 10u : 11u).Text(6, "." + type[1..]);
        }
        else
        {
            field.Varint(5, (ulong)Array.IndexOf(Kinds, type));
        }

        // "oneof:kind" names the oneof; the presence of a proto3 field is a oneof of its own.
        string? oneof = words[0].StartsWith("oneof:", StringComparison.Ordinal) ? words[0][6..] : words[0] == "presence" ? "_" + words[2] : null;
        if (oneof is not null)
        {
            if (!oneofs.Contains(oneof))
            {
                oneofs.Add(oneof);
            }

            field.Varint(9, (ulong)oneofs.IndexOf(oneof));
        }

        return words.Length > 5 ? field.Text(7, words[5]) : field;
    }
}
