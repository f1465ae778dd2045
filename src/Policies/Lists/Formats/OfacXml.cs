using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>The SDN list as the US Treasury publishes it in XML (SDN.XML): <c>sdnList/sdnEntry</c>.</summary>
internal static class OfacXml
{
    public static IEnumerable<ListEntry> Read(Stream content)
    {
        using var reader = XmlReader.Create(content, ListFormats.XmlSettings);
        XmlTexts.CheckRoot(reader, "sdnList");
        while (XmlTexts.ReadTo(reader, "sdnEntry"))
        {
            yield return ReadEntry(reader);
        }
    }

    private static ListEntry ReadEntry(XmlReader reader)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        var programs = new List<string>();
        var aliases = new List<(string First, string Last)>();
        XmlTexts.Walk(reader, (path, text) =>
        {
            switch (path)
            {
                case "programList/program" when text.Length > 0:
                    programs.Add(text);
                    break;
                case "akaList/aka":
                    aliases.Add(("", ""));
                    break;
                case "akaList/aka/firstName":
                    aliases[^1] = (aliases[^1].First + text, aliases[^1].Last);
                    break;
                case "akaList/aka/lastName":
                    aliases[^1] = (aliases[^1].First, aliases[^1].Last + text);
                    break;
                default:
                    texts[path] = texts.GetValueOrDefault(path) + text;
                    break;
            }
        });
        return ListEntry.Clean(
            texts.GetValueOrDefault("uid", ""),
            NameOf(texts.GetValueOrDefault("firstName", ""), texts.GetValueOrDefault("lastName", "")),
            aliases.Select(alias => NameOf(alias.First, alias.Last)),
            texts.GetValueOrDefault("sdnType", ""),
            string.Join("; ", programs),
            texts.GetValueOrDefault("remarks", ""));
    }

    /// <summary>As SDN.CSV writes it: <c>LAST, First</c>.</summary>
    private static string NameOf(string first, string last) => first.Length == 0 ? last : $"{last}, {first}";
}
