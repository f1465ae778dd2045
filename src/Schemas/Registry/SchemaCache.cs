using System.Collections.Concurrent;

namespace PipeRoll.Schemas.Registry;

/// <summary>Parsed schemas by what was parsed, so that checks don't parse them again and again. Bounded; any thread.</summary>
/// <remarks>A content whose references are the same versions always means the same: versions never change.</remarks>
public sealed class SchemaCache(int max = 1_000)
{
    private readonly ConcurrentDictionary<int, (SchemaContent Content, ParsedSchema Schema)> _byId = new();

    /// <returns>Null when the id is unknown, or what stands behind it can't be parsed (written by another registry).</returns>
    public ParsedSchema? Get(RegistryState state, int id, out string? problem)
    {
        problem = null;
        if (state.Content(id) is not { } content)
        {
            problem = $"there is no schema {id}";
            return null;
        }

        if (_byId.TryGetValue(id, out (SchemaContent Content, ParsedSchema Schema) known) && ReferenceEquals(known.Content, content))
        {
            return known.Schema;
        }

        if (state.Resolve(content.References, out problem) is not { } references
            || SchemaParser.TryParse(content.Type, content.Text, references, out problem) is not { } parsed)
        {
            return null;
        }

        if (_byId.Count >= max)
        {
            _byId.Clear();
        }

        _byId[id] = (content, parsed);
        return parsed;
    }
}
