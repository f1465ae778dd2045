using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>Walks over an element of a list's XML without building a tree.</summary>
internal static class XmlTexts
{
    private const int DepthMax = 32;
    private const int TextMax = 1024 * 1024;

    /// <summary>Calls back for every element with text inside the one that the reader stands at, by its path below that one.</summary>
    public static void Walk(XmlReader reader, Action<string, string> found)
    {
        if (reader.IsEmptyElement)
        {
            return;
        }
        int root = reader.Depth;
        var path = new List<string>();
        while (reader.Read() && !(reader.NodeType == XmlNodeType.EndElement && reader.Depth == root))
        {
            switch (reader.NodeType)
            {
                case XmlNodeType.Element:
                    CheckDepth(reader);
                    path.RemoveRange(reader.Depth - root - 1, path.Count - (reader.Depth - root - 1));
                    path.Add(reader.LocalName);
                    found(string.Join('/', path), "");
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA:
                    if (reader.Value.Length > TextMax)
                    {
                        throw new ListFileException(LineOf(reader), $"a text has more than {TextMax} characters", "Download the list again.");
                    }
                    path.RemoveRange(reader.Depth - root - 1, path.Count - (reader.Depth - root - 1));
                    found(string.Join('/', path), reader.Value.Trim());
                    break;
            }
        }
    }

    public static void CheckDepth(XmlReader reader)
    {
        if (reader.Depth > DepthMax)
        {
            throw new ListFileException(LineOf(reader), $"the XML is nested deeper than {DepthMax} levels", "Is this the right file?");
        }
    }

    /// <summary>The entries: elements of these names, wherever they stand.</summary>
    public static bool ReadTo(XmlReader reader, params ReadOnlySpan<string> names)
    {
        while (reader.Read())
        {
            if (reader.NodeType == XmlNodeType.Element)
            {
                CheckDepth(reader);
                if (names.Contains(reader.LocalName))
                {
                    return true;
                }
            }
        }
        return false;
    }

    public static void CheckRoot(XmlReader reader, string root)
    {
        reader.MoveToContent();
        if (reader.LocalName != root)
        {
            throw new ListFileException(LineOf(reader), $"the XML begins with <{reader.LocalName}>, not <{root}>", "Is the list's `format` right?");
        }
    }

    private static int LineOf(XmlReader reader) => (reader as IXmlLineInfo)?.LineNumber ?? 0;
}
