using System.Text.Json;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>
/// A list as JSON: an array, or an object whose <c>entries</c> are one. Its elements are names, or objects with <c>name</c> and, if wanted,
/// <c>id</c>, <c>aliases</c>, <c>kind</c>, <c>programs</c> and <c>remarks</c>.
/// </summary>
internal static class JsonList
{
    private const int BytesMax = 256 * 1024 * 1024;

    public static IEnumerable<ListEntry> Read(Stream content)
    {
        using MemoryStream bytes = Bounded(content);
        using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8 });
        JsonElement root = document.RootElement;
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("entries", out JsonElement entries))
        {
            root = entries;
        }
        if (root.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(0, "the file holds no array");
        }
        var read = new List<ListEntry>(root.GetArrayLength());
        foreach (JsonElement element in root.EnumerateArray())
        {
            read.Add(EntryOf(element, read.Count + 1));
        }
        return read;
    }

    private static MemoryStream Bounded(Stream content)
    {
        var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (content.Read(buffer) is var count and > 0)
        {
            bytes.Write(buffer, 0, count);
            if (bytes.Length > BytesMax)
            {
                throw new ListFileException(0, $"the file has more than {BytesMax} bytes", "Use CSV for a list of this size.");
            }
        }
        bytes.Position = 0;
        return bytes;
    }

    private static ListEntry EntryOf(JsonElement element, int number)
    {
        if (element.ValueKind == JsonValueKind.String)
        {
            return ListEntry.Clean(element.GetString()!, element.GetString()!, [], "", "", "");
        }
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(number, $"entry {number} is a {element.ValueKind.ToString().ToLowerInvariant()}");
        }
        string name = Text(element, "name", number);
        if (name.Length == 0)
        {
            throw Wrong(number, $"entry {number} has no `name`");
        }
        string id = Text(element, "id", number);
        return ListEntry.Clean(
            id.Length == 0 ? name : id,
            name,
            Texts(element, "aliases", number),
            Text(element, "kind", number),
            string.Join("; ", Texts(element, "programs", number)),
            Text(element, "remarks", number));
    }

    private static string Text(JsonElement element, string member, int number)
    {
        if (!element.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return "";
        }
        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => throw Wrong(number, $"`{member}` of entry {number} is no text"),
        };
    }

    private static IEnumerable<string> Texts(JsonElement element, string member, int number)
    {
        if (!element.TryGetProperty(member, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }
        return value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
                [.. value.EnumerateArray().Select(item => item.GetString()!)],
            _ => throw Wrong(number, $"`{member}` of entry {number} is no list of texts"),
        };
    }

    private static ListFileException Wrong(int number, string message) =>
        new(number, message, "Write an array of names, or of objects with `name`.");
}
