using System.Text;

namespace PipeRoll.Schemas.Protobuf;

/// <summary>A file to text of one form: the order of definitions stays, since serialised records number messages by it.</summary>
internal sealed class ProtoPrinter
{
    private readonly StringBuilder _text = new();
    private readonly Func<string, string, string> _name;
    private readonly bool _isSorted;

    /// <param name="name">From a scope and a name in it to the name to be printed.</param>
    private ProtoPrinter(Func<string, string, string> name, bool isSorted)
    {
        _name = name;
        _isSorted = isSorted;
    }

    public static string Print(ProtoFile file)
    {
        var printer = new ProtoPrinter(static (_, name) => name, isSorted: false);
        printer.File(file);
        return printer._text.ToString();
    }

    /// <summary>All names in full, fields by number, imports and options by name.</summary>
    public static string PrintNormalized(ProtoFile file, ProtoTypes types)
    {
        var printer = new ProtoPrinter(types.FullName, isSorted: true);
        printer.File(file);
        return printer._text.ToString();
    }

    private void File(ProtoFile file)
    {
        Line(0, file.IsEdition ? $"edition = \"{file.Syntax}\";" : $"syntax = \"{file.Syntax}\";");
        if (file.Package.Length > 0)
        {
            Line(0, $"package {file.Package};");
        }

        if (file.Imports.Count > 0)
        {
            _text.Append('\n');
        }

        foreach (ProtoImport import in _isSorted ? file.Imports.OrderBy(static import => import.Path, StringComparer.Ordinal) : file.Imports.AsEnumerable())
        {
            Line(0, $"import {(import.Modifier.Length > 0 ? import.Modifier + " " : "")}\"{import.Path}\";");
        }

        if (file.Options.Count > 0)
        {
            _text.Append('\n');
        }

        Options(file.Options, 0);
        foreach (ProtoMessage message in file.Messages)
        {
            _text.Append('\n');
            Message(message, file.Package, 0);
        }

        foreach (ProtoEnum type in file.Enums)
        {
            _text.Append('\n');
            Enum(type, 0);
        }

        Extends(file.Extends, file.Messages, file.Package, 0);
        foreach (ProtoService service in file.Services)
        {
            _text.Append('\n');
            Service(service, file.Package);
        }
    }

    private void Message(ProtoMessage message, string scope, int indent)
    {
        string own = scope.Length == 0 ? message.Name : $"{scope}.{message.Name}";
        Line(indent, $"message {message.Name} {{");
        MessageBody(message, own, indent + 1);
        Line(indent, "}");
    }

    private void MessageBody(ProtoMessage message, string own, int indent)
    {
        Options(message.Options, indent);
        Reserved(message.Reserved, message.ReservedNames, indent, 536_870_911);
        foreach (ProtoRange range in message.Extensions)
        {
            Line(indent, $"extensions {Range(range, 536_870_911)};");
        }

        foreach (ProtoField field in Sorted(message.Fields.Where(static field => field.OneOf is null)))
        {
            Field(field, message.Messages, own, indent);
        }

        foreach (string oneOf in message.OneOfs)
        {
            Line(indent, $"oneof {oneOf} {{");
            foreach (ProtoField field in Sorted(message.Fields.Where(field => field.OneOf == oneOf)))
            {
                Field(field, message.Messages, own, indent + 1);
            }

            Line(indent, "}");
        }

        HashSet<string> groups =
        [
            .. message.Fields.Concat(message.Extends.SelectMany(static extend => extend.Fields)).Where(ProtoRules.IsGroup)
                .Select(static field => field.Type),
        ];
        foreach (ProtoMessage inner in message.Messages.Where(inner => !groups.Contains(inner.Name)))
        {
            Message(inner, own, indent);
        }

        foreach (ProtoEnum inner in message.Enums)
        {
            Enum(inner, indent);
        }

        Extends(message.Extends, message.Messages, own, indent);
    }

    private void Field(ProtoField field, List<ProtoMessage> groups, string scope, int indent)
    {
        string label = field.Label == ProtoLabel.None ? "" : field.Label.ToString().ToLowerInvariant() + " ";
        if (ProtoRules.IsGroup(field))
        {
            Line(indent, $"{label}group {field.Type} = {field.Number}{Bracketed(field)} {{");
            MessageBody(groups.First(group => group.Name == field.Type), $"{scope}.{field.Type}", indent + 1);
            Line(indent, "}");
            return;
        }

        string type = field.KeyType is { } key ? $"map<{key}, {Type(scope, field.Type)}>" : Type(scope, field.Type);
        Line(indent, $"{label}{type} {field.Name} = {field.Number}{Bracketed(field)};");
    }

    private string Type(string scope, string name) => ProtoScalars.Is(name) ? name : _name(scope, name);

    private void Enum(ProtoEnum type, int indent)
    {
        Line(indent, $"enum {type.Name} {{");
        Options(type.Options, indent + 1);
        Reserved(type.Reserved, type.ReservedNames, indent + 1, int.MaxValue);
        foreach (ProtoEnumValue value in type.Values)
        {
            Line(indent + 1, $"{value.Name} = {value.Number}{Bracketed(value.Options)};");
        }

        Line(indent, "}");
    }

    private void Extends(List<ProtoExtend> extends, List<ProtoMessage> groups, string scope, int indent)
    {
        foreach (ProtoExtend extend in extends)
        {
            Line(indent, $"extend {_name(scope, extend.Type)} {{");
            foreach (ProtoField field in extend.Fields)
            {
                Field(field, groups, scope, indent + 1);
            }

            Line(indent, "}");
        }
    }

    private void Service(ProtoService service, string scope)
    {
        Line(0, $"service {service.Name} {{");
        Options(service.Options, 1);
        foreach (ProtoMethod method in service.Methods)
        {
            string input = (method.IsInputStream ? "stream " : "") + _name(scope, method.Input);
            string output = (method.IsOutputStream ? "stream " : "") + _name(scope, method.Output);
            Line(1, $"rpc {method.Name} ({input}) returns ({output}){(method.Options.Count == 0 ? ";" : " {")}");
            if (method.Options.Count > 0)
            {
                Options(method.Options, 2);
                Line(1, "}");
            }
        }

        Line(0, "}");
    }

    private void Reserved(List<ProtoRange> ranges, List<string> names, int indent, int max)
    {
        if (ranges.Count > 0)
        {
            Line(indent, $"reserved {string.Join(", ", ranges.Select(range => Range(range, max)))};");
        }

        if (names.Count > 0)
        {
            Line(indent, $"reserved {string.Join(", ", names.Select(static name => $"\"{name}\""))};");
        }
    }

    private static string Range(ProtoRange range, int max) =>
        range.From == range.To ? $"{range.From}" : range.To == max ? $"{range.From} to max" : $"{range.From} to {range.To}";

    private void Options(List<ProtoOption> options, int indent)
    {
        foreach (ProtoOption option in _isSorted ? options.OrderBy(static option => option.Name, StringComparer.Ordinal) : options.AsEnumerable())
        {
            Line(indent, $"option {option.Name} = {option.Value};");
        }
    }

    private IEnumerable<ProtoField> Sorted(IEnumerable<ProtoField> fields) => _isSorted ? fields.OrderBy(static field => field.Number) : fields;

    private string Bracketed(ProtoField field) => Bracketed([.. field.Options.Where(static option => option.Name != "group")]);

    private string Bracketed(List<ProtoOption> options)
    {
        IEnumerable<ProtoOption> inOrder = _isSorted ? options.OrderBy(static option => option.Name, StringComparer.Ordinal) : options;
        return options.Count == 0 ? "" : $" [{string.Join(", ", inOrder.Select(static option => $"{option.Name} = {option.Value}"))}]";
    }

    private void Line(int indent, string text) => _text.Append(' ', 2 * indent).Append(text).Append('\n');
}
