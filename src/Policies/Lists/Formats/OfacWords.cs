using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>What the numbers of an advanced list mean (<c>ReferenceValueSets</c>): for instance <c>NamePartType</c> 1520 is "Last Name".</summary>
internal sealed class OfacWords
{
    private readonly Dictionary<(string Set, string Id), string> _words = [];
    private readonly Dictionary<string, string> _partyTypes = new(StringComparer.Ordinal);

    public void Read(XmlReader reader)
    {
        string set = "";
        string id = "";
        XmlTexts.Walk(reader, (_, text) =>
        {
            if (reader.NodeType == XmlNodeType.Element)
            {
                (set, id) = (reader.LocalName, reader.GetAttribute("ID") ?? "");
                if (reader.GetAttribute("PartyTypeID") is { } type)
                {
                    _partyTypes[id] = type;
                }
            }
            else
            {
                _words[(set, id)] = text;
            }
        });
    }

    /// <summary>The word, or empty if the file does not say.</summary>
    public string Of(string set, string? id) => _words.GetValueOrDefault((set, id ?? ""), "");

    /// <summary>Vessels and aircraft are sub-types; of persons and entities the sub-type is unknown, and the type says it.</summary>
    public string KindOf(XmlReader profile)
    {
        string? subType = profile.GetAttribute("PartySubTypeID");
        string word = Of("PartySubType", subType);
        string kind = word is "" or "Unknown" ? Of("PartyType", _partyTypes.GetValueOrDefault(subType ?? "")) : word;
        return kind.Length > 0 ? kind : throw new ListFileException(
            (profile as IXmlLineInfo)?.LineNumber ?? 0, $"the file does not say what PartySubTypeID {subType} is", "Download the list again.");
    }
}
