namespace PipeRoll.Schemas.Protobuf;

/// <summary>The types that a file can name: its own and those of what it imports.</summary>
internal sealed class ProtoTypes
{
    // Files that every client has, and that nobody registers.
    private static readonly string[] WellKnown = ["google/protobuf/", "google/type/", "confluent/"];

    private static readonly HashSet<string> WellKnownEnums =
    [
        "google.protobuf.NullValue", "google.protobuf.Syntax", "google.protobuf.Field.Kind", "google.protobuf.Field.Cardinality",
        "google.type.DayOfWeek", "google.type.Month",
    ];

    private readonly Dictionary<string, (ProtoMessage Message, ProtoFile File)> _messages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ProtoEnum> _enums = new(StringComparer.Ordinal);

    /// <exception cref="SchemaSyntaxException">An import or a type is nowhere.</exception>
    public ProtoTypes(ProtoFile file, IReadOnlyList<(string Path, ProtoFile File)> imported)
    {
        foreach (ProtoImport import in file.Imports)
        {
            bool isWellKnown = WellKnown.Any(known => import.Path.StartsWith(known, StringComparison.Ordinal));
            if (!isWellKnown && !imported.Any(other => other.Path == import.Path) && import.Modifier != "weak")
            {
                throw new SchemaSyntaxException($"the import \"{import.Path}\" leads nowhere: refer to the schema that has it, under that name");
            }
        }

        Add(file);
        foreach ((_, ProtoFile other) in imported)
        {
            Add(other);
        }

        foreach (ProtoMessage message in file.Messages)
        {
            CheckNames(message, Join(file.Package, message.Name));
        }
    }

    public ProtoMessage? Message(string fullName) => _messages.TryGetValue(fullName, out (ProtoMessage Message, ProtoFile File) found) ? found.Message : null;

    public ProtoFile FileOf(string message) => _messages[message].File;

    public bool IsEnum(string fullName) => _enums.ContainsKey(fullName) || WellKnownEnums.Contains(fullName);

    /// <summary>With a dot before it, as descriptors have it.</summary>
    public string FullName(string scope, string name) => Resolve(scope, name) is { } full ? "." + full : name;

    /// <param name="scope">Full name of the message in which the name stands, or the package.</param>
    /// <returns>Full name without a dot before it; null when there is no such type.</returns>
    public string? Resolve(string scope, string name)
    {
        if (name[0] == '.')
        {
            return Exists(name[1..]) ? name[1..] : null;
        }

        for (string at = scope; ; at = at.Contains('.') ? at[..at.LastIndexOf('.')] : "")
        {
            string candidate = Join(at, name);
            if (Exists(candidate))
            {
                return candidate;
            }

            if (at.Length == 0)
            {
                return null;
            }
        }
    }

    public static string Join(string scope, string name) => scope.Length == 0 ? name : $"{scope}.{name}";

    private bool Exists(string fullName) =>
        _messages.ContainsKey(fullName) || _enums.ContainsKey(fullName) || fullName.StartsWith("google.protobuf.", StringComparison.Ordinal)
        || fullName.StartsWith("google.type.", StringComparison.Ordinal) || fullName.StartsWith("confluent.type.", StringComparison.Ordinal);

    private void Add(ProtoFile file)
    {
        foreach (ProtoMessage message in file.Messages)
        {
            Add(file, message, file.Package);
        }

        foreach (ProtoEnum type in file.Enums)
        {
            _enums.TryAdd(Join(file.Package, type.Name), type);
        }
    }

    private void Add(ProtoFile file, ProtoMessage message, string scope)
    {
        string own = Join(scope, message.Name);
        _messages.TryAdd(own, (message, file));
        foreach (ProtoMessage inner in message.Messages)
        {
            Add(file, inner, own);
        }

        foreach (ProtoEnum inner in message.Enums)
        {
            _enums.TryAdd(Join(own, inner.Name), inner);
        }
    }

    private void CheckNames(ProtoMessage message, string own)
    {
        foreach (ProtoField field in message.Fields.Where(static field => !ProtoScalars.Is(field.Type)))
        {
            if (Resolve(own, field.Type) is null)
            {
                throw new SchemaSyntaxException($"{own}.{field.Name}: no type is called '{field.Type}' here");
            }
        }

        foreach (ProtoMessage inner in message.Messages)
        {
            CheckNames(inner, Join(own, inner.Name));
        }
    }
}
