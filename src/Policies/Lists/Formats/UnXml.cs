using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>
/// The consolidated list of the UN Security Council: <c>CONSOLIDATED_LIST</c> with <c>INDIVIDUAL</c> and <c>ENTITY</c> elements.
/// </summary>
internal static class UnXml
{
    private static readonly string[] NameParts = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"];

    public static IEnumerable<ListEntry> Read(Stream content)
    {
        using var reader = XmlReader.Create(content, ListFormats.XmlSettings);
        XmlTexts.CheckRoot(reader, "CONSOLIDATED_LIST");
        while (XmlTexts.ReadTo(reader, "INDIVIDUAL", "ENTITY"))
        {
            yield return ReadEntry(reader, reader.LocalName == "INDIVIDUAL");
        }
    }

    private static ListEntry ReadEntry(XmlReader reader, bool isIndividual)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        var aliases = new List<string>();
        string alias = isIndividual ? "INDIVIDUAL_ALIAS/ALIAS_NAME" : "ENTITY_ALIAS/ALIAS_NAME";
        XmlTexts.Walk(reader, (path, text) =>
        {
            if (path == alias || path == "NAME_ORIGINAL_SCRIPT")
            {
                aliases.Add(text);
            }
            else
            {
                texts[path] = texts.GetValueOrDefault(path) + text;
            }
        });
        string reference = texts.GetValueOrDefault("REFERENCE_NUMBER", "");
        return ListEntry.Clean(
            reference.Length > 0 ? reference : texts.GetValueOrDefault("DATAID", ""),
            string.Join(' ', NameParts.Select(part => texts.GetValueOrDefault(part, "")).Where(part => part.Length > 0)),
            aliases,
            isIndividual ? "individual" : "entity",
            texts.GetValueOrDefault("UN_LIST_TYPE", ""),
            texts.GetValueOrDefault("COMMENTS1", ""));
    }
}
