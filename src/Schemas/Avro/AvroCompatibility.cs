namespace PipeRoll.Schemas.Avro;

/// <summary>Schema resolution of the Avro specification: can the reader read what the writer wrote, and if not, why not?</summary>
internal sealed class AvroCompatibility
{
    private readonly List<Incompatibility> _found = [];
    private readonly HashSet<(AvroType Reader, AvroType Writer)> _begun = [];

    // Shared by all checks within one: what failed once, with all that is under way taken for good, fails always.
    private readonly HashSet<(AvroType Reader, AvroType Writer)> _failed;

    private AvroCompatibility(HashSet<(AvroType Reader, AvroType Writer)> failed) => _failed = failed;

    public static IReadOnlyList<Incompatibility> Find(AvroType reader, AvroType writer)
    {
        var check = new AvroCompatibility([]);
        check.Check(reader, writer, "");
        return check._found;
    }

    private void Check(AvroType reader, AvroType writer, string path)
    {
        // A pair that is being checked further out is as good as that check finds it: types may hold themselves.
        if (!_begun.Add((reader, writer)))
        {
            return;
        }

        if (writer.Kind == AvroKind.Union)
        {
            for (int i = 0; i < writer.Branches.Count; i++)
            {
                CheckBranch(reader, writer.Branches[i], path);
            }
        }
        else if (reader.Kind == AvroKind.Union)
        {
            CheckBranch(reader, writer, path);
        }
        else if (reader.Kind == writer.Kind)
        {
            CheckSameKind(reader, writer, path);
        }
        else if (!IsPromotion(reader.Kind, writer.Kind))
        {
            Add("TYPE_MISMATCH", path, $"the reader wants {reader.Label} where the writer wrote {writer.Label}");
        }
    }

    private void CheckBranch(AvroType reader, AvroType branch, string path)
    {
        if (reader.Kind != AvroKind.Union)
        {
            Check(reader, branch, path);
        }
        else if (!reader.Branches.Any(own => CanRead(own, branch)))
        {
            Add("MISSING_UNION_BRANCH", path,
                $"the writer may write {branch.Label}, which is none of the reader's {string.Join(", ", reader.Branches.Select(static own => own.Label))}");
        }
    }

    /// <summary>Of a branch that is looked at beside others only the verdict counts; pairs under way further out count as good.</summary>
    private bool CanRead(AvroType reader, AvroType writer)
    {
        if (_begun.Contains((reader, writer)))
        {
            return true;
        }

        if (_failed.Contains((reader, writer)))
        {
            return false;
        }

        var nested = new AvroCompatibility(_failed);
        nested._begun.UnionWith(_begun);
        nested.Check(reader, writer, "");
        if (nested._found.Count > 0)
        {
            _failed.Add((reader, writer));
            return false;
        }

        _begun.UnionWith(nested._begun);
        return true;
    }

    private void CheckSameKind(AvroType reader, AvroType writer, string path)
    {
        switch (reader.Kind)
        {
            case AvroKind.Array:
                Check(reader.Items!, writer.Items!, path + "/items");
                break;
            case AvroKind.Map:
                Check(reader.Items!, writer.Items!, path + "/values");
                break;
            case AvroKind.Fixed when HasName(reader, writer, path) && reader.Size != writer.Size:
                Add("FIXED_SIZE_MISMATCH", path + "/size", $"{reader.FullName} has {reader.Size} bytes for the reader, {writer.Size} for the writer");
                break;
            case AvroKind.Enum when HasName(reader, writer, path):
                CheckSymbols(reader, writer, path);
                break;
            case AvroKind.Record when HasName(reader, writer, path):
                CheckFields(reader, writer, path);
                break;
        }
    }

    private bool HasName(AvroType reader, AvroType writer, string path)
    {
        if (reader.Name == writer.Name || reader.Aliases.Contains(writer.FullName))
        {
            return true;
        }

        Add("NAME_MISMATCH", path + "/name", $"the reader's {reader.FullName} is not the writer's {writer.FullName}; an alias would say that it is");
        return false;
    }

    private void CheckSymbols(AvroType reader, AvroType writer, string path)
    {
        string[] unknown = [.. writer.Symbols.Except(reader.Symbols)];
        if (unknown.Length > 0 && reader.EnumDefault is null)
        {
            Add("MISSING_ENUM_SYMBOLS", path + "/symbols",
                $"{reader.FullName} of the reader has no {string.Join(", ", unknown)}, which the writer may write, and no default");
        }
    }

    private void CheckFields(AvroType reader, AvroType writer, string path)
    {
        for (int i = 0; i < reader.Fields.Count; i++)
        {
            AvroField field = reader.Fields[i];
            string at = $"{path}/fields/{i}";
            AvroField? written = writer.Fields.FirstOrDefault(other => other.Name == field.Name)
                ?? writer.Fields.FirstOrDefault(other => field.Aliases.Contains(other.Name));
            if (written is not null)
            {
                Check(field.Type, written.Type, at + "/type");
            }
            else if (field.Default is null)
            {
                Add("READER_FIELD_MISSING_DEFAULT_VALUE", at,
                    $"the writer has no field {field.Name} of {reader.FullName}, and the reader has no default for it");
            }
        }
    }

    private static bool IsPromotion(AvroKind reader, AvroKind writer) => (reader, writer) switch
    {
        (AvroKind.Long, AvroKind.Int) => true,
        (AvroKind.Float, AvroKind.Int or AvroKind.Long) => true,
        (AvroKind.Double, AvroKind.Int or AvroKind.Long or AvroKind.Float) => true,
        (AvroKind.String, AvroKind.Bytes) or (AvroKind.Bytes, AvroKind.String) => true,
        _ => false,
    };

    private void Add(string kind, string path, string detail) => _found.Add(new Incompatibility(kind, path.Length == 0 ? "/" : path, detail));
}
