using System.Text;

namespace PipeRoll.Cel.Protobuf;

/// <summary>Reads a <c>FileDescriptorSet</c> (descriptor.proto), which <c>protoc --descriptor_set_out --include_imports</c> writes.</summary>
internal sealed class DescriptorReader
{
    private const int EditionImplicit = 2;
    private readonly Drafts _drafts = new();
    private bool _isProto3;
    private bool _hasImplicitPresence;

    public static Drafts Read(ReadOnlySpan<byte> set)
    {
        var reader = new DescriptorReader();
        var wire = new WireReader(set);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number == 1 && wireType == WireReader.Length)
            {
                reader.ReadFile(wire.ReadLength());
            }
            else
            {
                wire.Skip(number, wireType);
            }
        }

        return reader._drafts;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    // The declarations need package and syntax, which may come after them.
    private void ReadFile(ReadOnlySpan<byte> file)
    {
        string package = "";
        _isProto3 = false;
        _hasImplicitPresence = false;
        var wire = new WireReader(file);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            switch (number, wireType)
            {
                case (2, WireReader.Length):
                    package = Text(wire.ReadLength());
                    break;
                case (8, WireReader.Length):
                    _hasImplicitPresence = PresenceOf(wire.ReadLength(), featuresNumber: 50) == EditionImplicit;
                    break;
                case (12, WireReader.Length):
                    _isProto3 = Text(wire.ReadLength()) == "proto3";
                    break;
                default:
                    wire.Skip(number, wireType);
                    break;
            }
        }

        string prefix = package.Length == 0 ? "" : package + ".";
        wire = new WireReader(file);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            switch (number, wireType)
            {
                case (4, WireReader.Length):
                    ReadMessage(wire.ReadLength(), prefix);
                    break;
                case (5, WireReader.Length):
                    ReadEnum(wire.ReadLength(), prefix);
                    break;
                case (7, WireReader.Length):
                    _drafts.Extensions.Add(ReadField(wire.ReadLength(), prefix));
                    break;
                default:
                    wire.Skip(number, wireType);
                    break;
            }
        }
    }

    // Of FileOptions or FieldOptions: their FeatureSet's field_presence; 0 when it is not said.
    private static int PresenceOf(ReadOnlySpan<byte> options, int featuresNumber)
    {
        int presence = 0;
        var wire = new WireReader(options);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number != featuresNumber || wireType != WireReader.Length)
            {
                wire.Skip(number, wireType);
                continue;
            }

            var features = new WireReader(wire.ReadLength());
            while (!features.AtEnd)
            {
                (int feature, int featureType) = features.ReadTag();
                if (feature == 1 && featureType == WireReader.Varint)
                {
                    presence = (int)features.ReadVarint();
                }
                else
                {
                    features.Skip(feature, featureType);
                }
            }
        }

        return presence;
    }

    private static string NameIn(ReadOnlySpan<byte> declaration)
    {
        var wire = new WireReader(declaration);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number == 1 && wireType == WireReader.Length)
            {
                return Text(wire.ReadLength());
            }

            wire.Skip(number, wireType);
        }

        throw new InvalidDataException("The descriptor has a declaration without a name.");
    }

    private void ReadMessage(ReadOnlySpan<byte> message, string prefix)
    {
        string name = prefix + NameIn(message);
        string inner = name + ".";
        var fields = new List<FieldDraft>();
        bool isMapEntry = false;
        var wire = new WireReader(message);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            switch (number, wireType)
            {
                case (2, WireReader.Length):
                    fields.Add(ReadField(wire.ReadLength(), ""));
                    break;
                case (3, WireReader.Length):
                    ReadMessage(wire.ReadLength(), inner);
                    break;
                case (4, WireReader.Length):
                    ReadEnum(wire.ReadLength(), inner);
                    break;
                case (6, WireReader.Length):
                    _drafts.Extensions.Add(ReadField(wire.ReadLength(), inner));
                    break;
                case (7, WireReader.Length):
                    isMapEntry = IsMapEntry(wire.ReadLength());
                    break;
                default:
                    wire.Skip(number, wireType);
                    break;
            }
        }

        _drafts.Messages.Add(new MessageDraft(name, fields, isMapEntry));
    }

    private static bool IsMapEntry(ReadOnlySpan<byte> options)
    {
        bool isMapEntry = false;
        var wire = new WireReader(options);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number == 7 && wireType == WireReader.Varint)
            {
                isMapEntry = wire.ReadVarint() != 0;
            }
            else
            {
                wire.Skip(number, wireType);
            }
        }

        return isMapEntry;
    }

    private void ReadEnum(ReadOnlySpan<byte> declaration, string prefix)
    {
        var values = new List<(string, int)>();
        var wire = new WireReader(declaration);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number == 2 && wireType == WireReader.Length)
            {
                values.Add(ReadEnumValue(wire.ReadLength()));
            }
            else
            {
                wire.Skip(number, wireType);
            }
        }

        _drafts.Enums.Add(new EnumDraft(prefix + NameIn(declaration), values));
    }

    private static (string Name, int Number) ReadEnumValue(ReadOnlySpan<byte> value)
    {
        int result = 0;
        var wire = new WireReader(value);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            if (number == 2 && wireType == WireReader.Varint)
            {
                result = (int)wire.ReadVarint();
            }
            else
            {
                wire.Skip(number, wireType);
            }
        }

        return (NameIn(value), result);
    }

    private FieldDraft ReadField(ReadOnlySpan<byte> field, string prefix)
    {
        const int Repeated = 3;
        int fieldNumber = 0;
        int label = 0;
        int kind = 0;
        int presence = 0;
        var draft = new FieldDraft(prefix + NameIn(field), 0, 0);
        var wire = new WireReader(field);
        while (!wire.AtEnd)
        {
            (int number, int wireType) = wire.ReadTag();
            switch (number, wireType)
            {
                case (2, WireReader.Length):
                    draft = draft with { Extendee = Text(wire.ReadLength()).TrimStart('.') };
                    break;
                case (3, WireReader.Varint):
                    fieldNumber = (int)wire.ReadVarint();
                    break;
                case (4, WireReader.Varint):
                    label = (int)wire.ReadVarint();
                    break;
                case (5, WireReader.Varint):
                    kind = (int)wire.ReadVarint();
                    break;
                case (6, WireReader.Length):
                    draft = draft with { TypeName = Text(wire.ReadLength()).TrimStart('.') };
                    break;
                case (7, WireReader.Length):
                    draft = draft with { DefaultText = Text(wire.ReadLength()) };
                    break;
                case (8, WireReader.Length):
                    presence = PresenceOf(wire.ReadLength(), featuresNumber: 21);
                    break;
                case (9, WireReader.Varint):
                    draft = draft with { Oneof = (int)wire.ReadVarint() };
                    break;
                case (10, WireReader.Length):
                    draft = draft with { JsonName = Text(wire.ReadLength()) };
                    break;
                default:
                    wire.Skip(number, wireType);
                    break;
            }
        }

        bool isMessage = kind is (int)ProtoKind.Message or (int)ProtoKind.Group;
        bool isImplicit = presence == 0 ? _isProto3 || _hasImplicitPresence : presence == EditionImplicit;
        return draft with
        {
            Number = fieldNumber,
            Kind = (ProtoKind)kind,
            IsRepeated = label == Repeated,
            HasPresence = label != Repeated && (!isImplicit || isMessage || draft.Oneof >= 0),
        };
    }
}
