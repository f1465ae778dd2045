using System.Text;
using System.Text.Json;

namespace PipeRoll.Policies.Events;

/// <summary>
/// The declared fields as a tree of names, walked beside the event's JSON. Owner: one reader; what was seen is cleared for each event.
/// </summary>
internal sealed class EventPaths
{
    private readonly List<EventPaths> _children = [];
    private readonly List<int> _fields = [];
    private readonly byte[] _utf8;

    private EventPaths(string name)
    {
        Name = name;
        _utf8 = Encoding.UTF8.GetBytes(name);
    }

    public string Name { get; }

    /// <summary>The fields whose value stands here.</summary>
    public IReadOnlyList<int> Fields => _fields;

    public bool IsLeaf => _children.Count == 0;

    /// <summary>Whether the event that is being read has had it.</summary>
    public bool IsSeen { get; set; }

    /// <summary>The tree; null if every field is at the top level.</summary>
    public static EventPaths? Of(IReadOnlyList<EventField> fields)
    {
        if (fields.All(field => field.Path.Count == 0))
        {
            return null;
        }
        var root = new EventPaths("");
        for (int i = 0; i < fields.Count; i++)
        {
            root.Add(fields[i].IsWhole ? [] : fields[i].Path.Count == 0 ? [fields[i].Name] : fields[i].Path, i);
            foreach (IReadOnlyList<string> other in fields[i].OtherPaths)
            {
                root.Add(other, i);
            }
        }
        return root;
    }

    private void Add(IReadOnlyList<string> path, int field)
    {
        EventPaths at = this;
        foreach (string name in path)
        {
            EventPaths? next = at._children.Find(child => child.Name == name);
            if (next is null)
            {
                next = new EventPaths(name);
                at._children.Add(next);
            }
            at = next;
        }
        at._fields.Add(field);
    }

    /// <summary>Whether it stands for any name, and so may come several times.</summary>
    public bool IsAny => Name == EventField.AnyName;

    /// <summary>The child of the name that the reader stands at; without one, the child for any name.</summary>
    public EventPaths? Find(ref Utf8JsonReader reader)
    {
        EventPaths? any = null;
        foreach (EventPaths child in _children)
        {
            if (reader.ValueTextEquals(child._utf8))
            {
                return child;
            }
            any = child.IsAny ? child : any;
        }
        return any;
    }

    public void Clear()
    {
        IsSeen = false;
        foreach (EventPaths child in _children)
        {
            child.Clear();
        }
    }
}
