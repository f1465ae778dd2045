using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>
/// The lists of the US Treasury in the Advanced Sanctions List Standard (SDN_ADVANCED.XML, CONS_ADVANCED.XML): <c>Sanctions/DistinctParties</c>.
/// Kinds, name parts and features are numbers whose words stand at the file's beginning; programmes stand after all parties.
/// </summary>
internal static class OfacAdvancedXml
{
    public static IEnumerable<ListEntry> Read(Stream content)
    {
        using var reader = XmlReader.Create(content, ListFormats.XmlSettings);
        XmlTexts.CheckRoot(reader, "Sanctions");
        var words = new OfacWords();
        var parties = new List<OfacParty>();
        var programs = new Dictionary<string, List<string>>(StringComparer.Ordinal);

        // One more than a list may have is refused by whoever counts the entries.
        while (parties.Count <= ListDocument.EntriesMax && XmlTexts.ReadTo(reader, "ReferenceValueSets", "DistinctParty", "SanctionsEntry"))
        {
            switch (reader.LocalName)
            {
                case "ReferenceValueSets":
                    words.Read(reader);
                    break;
                case "DistinctParty":
                    parties.Add(OfacParty.Read(reader, words));
                    break;
                default:
                    ReadPrograms(reader, words, programs);
                    break;
            }
        }
        return parties.Select(party => party.Entry(programs.GetValueOrDefault(party.Profile, [])));
    }

    private static void ReadPrograms(XmlReader reader, OfacWords words, Dictionary<string, List<string>> programs)
    {
        string profile = reader.GetAttribute("ProfileID") ?? "";
        bool isProgram = false;
        XmlTexts.Walk(reader, (path, text) =>
        {
            if (path == "SanctionsMeasure" && reader.NodeType == XmlNodeType.Element)
            {
                isProgram = words.Of("SanctionsType", reader.GetAttribute("SanctionsTypeID")) == "Program";
            }
            else if (path == "SanctionsMeasure/Comment" && isProgram && text.Length > 0)
            {
                if (!programs.TryGetValue(profile, out List<string>? known))
                {
                    programs[profile] = known = [];
                }
                if (!known.Contains(text))
                {
                    known.Add(text);
                }
            }
        });
    }
}
