using System.Globalization;
using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>Definition text (proto2, proto3, editions) to a file, by the grammar of the language's specification.</summary>
internal sealed partial class ProtoParser
{
    private const int DepthMax = 64;
    private const int NumberMax = (1 << 29) - 1;

    private readonly List<ProtoToken> _tokens;
    private int _at;

    private ProtoParser(List<ProtoToken> tokens) => _tokens = tokens;

    private ProtoToken Current => _tokens[_at];

    /// <exception cref="SchemaSyntaxException">It is no definition file; the message has the line.</exception>
    public static ProtoFile Parse(string text)
    {
        var parser = new ProtoParser(new ProtoLexer(text).ReadAll());
        ProtoFile file = parser.File();
        if (file.Messages.Count + file.Enums.Count + file.Extends.Count + file.Services.Count == 0)
        {
            throw new SchemaSyntaxException("the file defines nothing");
        }

        ProtoRules.Check(file);
        return file;
    }

    private ProtoFile File()
    {
        var file = new ProtoFile();
        if (Current.Is("syntax") || Current.Is("edition"))
        {
            bool isEdition = Take().Text == "edition";
            Expect("=");
            ProtoToken level = Current;
            string syntax = Text();
            if (isEdition ? !(syntax.Length == 4 && syntax.All(char.IsAsciiDigit)) : syntax is not ("proto2" or "proto3"))
            {
                throw Wrong(level, $"the syntax is proto2 or proto3, or an edition such as 2023, not '{syntax}'");
            }

            Expect(";");
            file = file with { Syntax = syntax };
        }

        while (Current.Kind != ProtoTokenKind.End)
        {
            file = Statement(file);
        }

        return file;
    }

    private ProtoFile Statement(ProtoFile file)
    {
        ProtoToken first = Take();
        switch (first.Text)
        {
            case ";":
                break;
            case "package":
                file = file with { Package = Name() };
                Expect(";");
                break;
            case "import":
                string modifier = Current.Is("public") || Current.Is("weak") ? Take().Text : "";
                file.Imports.Add(new ProtoImport(Text(), modifier));
                Expect(";");
                break;
            case "option":
                file.Options.Add(Option());
                break;
            case "message":
                file.Messages.Add(Message(0));
                break;
            case "enum":
                file.Enums.Add(Enum());
                break;
            case "extend":
                file.Extends.Add(Extend(file.Messages, 0));
                break;
            case "service":
                file.Services.Add(Service());
                break;
            default:
                throw Wrong(first, $"'{first.Text}' begins nothing; expected message, enum, import, package, option, extend or service");
        }

        return file;
    }

    private ProtoMessage Message(int depth)
    {
        var message = new ProtoMessage(Identifier());
        Body(message, depth);
        return message;
    }

    private void Body(ProtoMessage message, int depth)
    {
        if (depth > DepthMax)
        {
            throw Wrong(Current, "messages lie too deep within each other");
        }

        Expect("{");
        while (!TakeIf("}"))
        {
            MessageStatement(message, depth);
        }
    }

    private void MessageStatement(ProtoMessage message, int depth)
    {
        // Each of these words may also begin a field: the type of one, or a label; what follows tells.
        ProtoToken next = _tokens[Math.Min(_at + 1, _tokens.Count - 1)];
        switch (Current.Text)
        {
            case ";":
                Take();
                break;
            case "message" when next.Kind == ProtoTokenKind.Word && _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("{"):
                Take();
                message.Messages.Add(Message(depth + 1));
                break;
            case "enum" when next.Kind == ProtoTokenKind.Word && _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("{"):
                Take();
                message.Enums.Add(Enum());
                break;
            case "oneof" when _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("{"):
                Take();
                OneOf(message, depth);
                break;
            case "extend" when _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("{"):
                Take();
                message.Extends.Add(Extend(message.Messages, depth));
                break;
            case "option" when next.Is("(") || _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("=") is var isOption && isOption && !IsField():
                Take();
                message.Options.Add(Option());
                break;
            case "reserved" when next.Kind is ProtoTokenKind.Number or ProtoTokenKind.Text || !IsField():
                Take();
                Reserved(message.Reserved, message.ReservedNames, NumberMax);
                break;
            case "extensions" when next.Kind == ProtoTokenKind.Number:
                Take();
                Ranges(message.Extensions, NumberMax);
                _ = FieldOptions();
                Expect(";");
                break;
            default:
                message.Fields.Add(Field(message.Messages, null, depth));
                break;
        }
    }

    /// <summary>TYPE NAME = NUMBER: a field whose type is called like a keyword.</summary>
    private bool IsField() => _at + 3 < _tokens.Count && _tokens[_at + 1].Kind == ProtoTokenKind.Word && _tokens[_at + 2].Is("=")
        && _tokens[_at + 3].Kind == ProtoTokenKind.Number && _tokens[_at].Text != "option";

    private void OneOf(ProtoMessage message, int depth)
    {
        string name = Identifier();
        message.OneOfs.Add(name);
        Expect("{");
        while (!TakeIf("}"))
        {
            if (TakeIf(";"))
            {
                continue;
            }

            if (Current.Is("option") && !IsField())
            {
                Take();
                _ = Option();
                continue;
            }

            message.Fields.Add(Field(message.Messages, name, depth));
        }
    }

    private ProtoField Field(List<ProtoMessage> groups, string? oneOf, int depth)
    {
        ProtoLabel label = ProtoLabel.None;
        bool isLabel = _tokens[Math.Min(_at + 1, _tokens.Count - 1)] is { Kind: ProtoTokenKind.Word } or { Text: "." };
        if (isLabel && Current.Text is "optional" or "required" or "repeated" && !_tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("="))
        {
            label = Take().Text switch { "optional" => ProtoLabel.Optional, "required" => ProtoLabel.Required, _ => ProtoLabel.Repeated };
        }

        if (oneOf is not null && label != ProtoLabel.None)
        {
            throw Wrong(Current, $"a field of the oneof '{oneOf}' has no label");
        }

        if (Current.Is("group") && _tokens[Math.Min(_at + 2, _tokens.Count - 1)].Is("="))
        {
            return Group(groups, label, oneOf, depth);
        }

        string? keyType = null;
        string type;
        if (Current.Is("map") && _tokens[Math.Min(_at + 1, _tokens.Count - 1)].Is("<"))
        {
            Take();
            Expect("<");
            keyType = Name();
            Expect(",");
            type = Name();
            Expect(">");
        }
        else
        {
            type = Name();
        }

        string name = Identifier();
        Expect("=");
        int number = Number(1, NumberMax);
        var field = new ProtoField(label, type, name, number) { KeyType = keyType, OneOf = oneOf, Options = FieldOptions() };
        Expect(";");
        return field;
    }

    private ProtoField Group(List<ProtoMessage> groups, ProtoLabel label, string? oneOf, int depth)
    {
        Take();
        string name = Identifier();
        Expect("=");
        int number = Number(1, NumberMax);
        List<ProtoOption> options = FieldOptions();
        var message = new ProtoMessage(name);
        Body(message, depth + 1);
        groups.Add(message);
        return new ProtoField(label, name, name.ToLowerInvariant(), number) { OneOf = oneOf, Options = [.. options, new ProtoOption("group", "true")] };
    }

    private ProtoEnum Enum()
    {
        var made = new ProtoEnum(Identifier());
        Expect("{");
        while (!TakeIf("}"))
        {
            if (TakeIf(";"))
            {
                continue;
            }

            if (Current.Is("option") && !_tokens[Math.Min(_at + 1, _tokens.Count - 1)].Is("="))
            {
                Take();
                made.Options.Add(Option());
                continue;
            }

            if (Current.Is("reserved") && !_tokens[Math.Min(_at + 1, _tokens.Count - 1)].Is("="))
            {
                Take();
                Reserved(made.Reserved, made.ReservedNames, int.MaxValue);
                continue;
            }

            string name = Identifier();
            Expect("=");
            int number = Number(int.MinValue, int.MaxValue);
            made.Values.Add(new ProtoEnumValue(name, number, FieldOptions()));
            Expect(";");
        }

        return made;
    }

    private ProtoExtend Extend(List<ProtoMessage> groups, int depth)
    {
        var made = new ProtoExtend(Name(), []);
        Expect("{");
        while (!TakeIf("}"))
        {
            if (!TakeIf(";"))
            {
                made.Fields.Add(Field(groups, null, depth));
            }
        }

        return made;
    }

    private ProtoService Service()
    {
        var service = new ProtoService(Identifier());
        Expect("{");
        while (!TakeIf("}"))
        {
            ProtoToken first = Take();
            switch (first.Text)
            {
                case ";":
                    break;
                case "option":
                    service.Options.Add(Option());
                    break;
                case "rpc":
                    service.Methods.Add(Method());
                    break;
                default:
                    throw Wrong(first, $"a service holds rpc and option, not '{first.Text}'");
            }
        }

        return service;
    }

    private ProtoMethod Method()
    {
        string name = Identifier();
        (string input, bool isInputStream) = Argument();
        if (!TakeIf("returns"))
        {
            throw Wrong(Current, "expected returns");
        }

        (string output, bool isOutputStream) = Argument();
        var method = new ProtoMethod(name, input, isInputStream, output, isOutputStream, []);
        if (TakeIf(";"))
        {
            return method;
        }

        Expect("{");
        while (!TakeIf("}"))
        {
            if (TakeIf(";"))
            {
                continue;
            }

            Expect("option");
            method.Options.Add(Option());
        }

        return method;
    }

    private (string Type, bool IsStream) Argument()
    {
        Expect("(");
        bool isStream = Current.Is("stream") && !_tokens[Math.Min(_at + 1, _tokens.Count - 1)].Is(")") && TakeIf("stream");
        string type = Name();
        Expect(")");
        return (type, isStream);
    }
}
