using PipeRoll.Policies.Records;

namespace PipeRoll.Policies.Engine;

/// <summary>
/// The labels or topics that a policy can give, each known by a number, so that gathering them for a decision compares nothing and
/// writing them encodes nothing. Owner: one engine; the gathered names are those of the last decision.
/// </summary>
internal sealed class NameSet
{
    private readonly List<string> _names = [];
    private readonly List<byte[]> _json = [];
    private readonly List<int> _gathered = [];
    private bool[] _seen = [];

    /// <summary>The names that were gathered, in the order of gathering.</summary>
    public List<string> Gathered { get; } = [];

    /// <summary>The number of a name; for building only.</summary>
    public int IdOf(string name)
    {
        int id = _names.IndexOf(name);
        if (id < 0)
        {
            id = _names.Count;
            _names.Add(name);
            var json = new CanonicalJson();
            json.String(name);
            _json.Add(json.Written.ToArray());
            _seen = new bool[_names.Count];
        }
        return id;
    }

    /// <summary>Forgets what was gathered.</summary>
    public void Clear()
    {
        if (_gathered.Count > 0)
        {
            Array.Clear(_seen);
            _gathered.Clear();
            Gathered.Clear();
        }
    }

    /// <summary>Gathers a name, once.</summary>
    public void Add(int id)
    {
        if (!_seen[id])
        {
            _seen[id] = true;
            _gathered.Add(id);
            Gathered.Add(_names[id]);
        }
    }

    public void Add(int[] ids)
    {
        foreach (int id in ids)
        {
            Add(id);
        }
    }

    /// <summary>Writes the gathered names with commas between them.</summary>
    public void Write(CanonicalJson json)
    {
        for (int i = 0; i < _gathered.Count; i++)
        {
            if (i > 0)
            {
                json.Raw(","u8);
            }
            json.Raw(_json[_gathered[i]]);
        }
    }
}
