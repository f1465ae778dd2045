namespace PipeRoll.StoreDouble;

/// <summary>All objects of all buckets, by <c>bucket/key</c>. Every bucket exists.</summary>
internal sealed class Buckets(long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Body> _objects = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, Body>> _uploads = new(StringComparer.Ordinal);
    private long _bytes;
    private long _nextUpload;

    public enum PutResult
    {
        Stored,
        Exists,
        Full,
    }

    public (int Objects, long Bytes) Size
    {
        get
        {
            lock (_lock)
            {
                return (_objects.Count, _bytes);
            }
        }
    }

    /// <summary>Takes over <paramref name="body"/>.</summary>
    public PutResult Put(string name, Body body, bool ifAbsent)
    {
        lock (_lock)
        {
            PutResult result = ifAbsent && _objects.ContainsKey(name) ? PutResult.Exists
                : _bytes + body.Length > bytesMax ? PutResult.Full
                : PutResult.Stored;
            if (result != PutResult.Stored)
            {
                body.Release();
                return result;
            }

            Remove(name);
            _objects[name] = body;
            _names.Add(name);
            _bytes += body.Length;
            return result;
        }
    }

    /// <summary>The object, held for the caller, or null.</summary>
    public Body? Get(string name)
    {
        lock (_lock)
        {
            Body? body = _objects.GetValueOrDefault(name);
            body?.Hold();
            return body;
        }
    }

    public void Delete(string name)
    {
        lock (_lock)
        {
            Remove(name);
        }
    }

    /// <summary>
    /// Up to <paramref name="max"/> names that start with <paramref name="prefix"/> and come after <paramref name="after"/>, and one more.
    /// </summary>
    public List<(string Name, int Length)> List(string prefix, string after, int max)
    {
        lock (_lock)
        {
            string from = string.CompareOrdinal(after, prefix) > 0 ? after : prefix;
            string to = prefix + '\uffff';
            var found = new List<(string, int)>();
            foreach (string name in string.CompareOrdinal(from, to) < 0 ? _names.GetViewBetween(from, to) : [])
            {
                if (name != after && name.StartsWith(prefix, StringComparison.Ordinal))
                {
                    found.Add((name, _objects[name].Length));
                    if (found.Count > max)
                    {
                        break;
                    }
                }
            }

            return found;
        }
    }

    public string BeginUpload()
    {
        lock (_lock)
        {
            string id = $"upload{_nextUpload++}";
            _uploads[id] = [];
            return id;
        }
    }

    /// <summary>Takes over <paramref name="body"/>. False when there is no such upload.</summary>
    public bool PutPart(string upload, int number, Body body)
    {
        lock (_lock)
        {
            if (!_uploads.TryGetValue(upload, out SortedDictionary<int, Body>? parts))
            {
                body.Release();
                return false;
            }

            parts.Remove(number, out Body? replaced);
            replaced?.Release();
            parts[number] = body;
            return true;
        }
    }

    /// <summary>Null when there is no such upload.</summary>
    public PutResult? Complete(string upload, string name)
    {
        lock (_lock)
        {
            if (!_uploads.Remove(upload, out SortedDictionary<int, Body>? parts))
            {
                return null;
            }

            var whole = new Body(parts.Values.Sum(p => p.Length));
            int position = 0;
            foreach (Body part in parts.Values)
            {
                part.Memory.CopyTo(whole.Memory[position..]);
                position += part.Length;
                part.Release();
            }

            return Put(name, whole, ifAbsent: false);
        }
    }

    public void Abort(string upload)
    {
        lock (_lock)
        {
            if (_uploads.Remove(upload, out SortedDictionary<int, Body>? parts))
            {
                foreach (Body part in parts.Values)
                {
                    part.Release();
                }
            }
        }
    }

    private void Remove(string name)
    {
        if (_objects.Remove(name, out Body? body))
        {
            _names.Remove(name);
            _bytes -= body.Length;
            body.Release();
        }
    }
}
