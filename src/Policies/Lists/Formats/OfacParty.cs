using System.Xml;

namespace PipeRoll.Policies.Lists.Formats;

/// <summary>A party of an advanced list: its names, in all scripts, and what else is said of it.</summary>
internal sealed class OfacParty
{
    private const string NamePath = "Profile/Identity/Alias/DocumentedName";
    private readonly OfacWords _words;
    private readonly List<DocumentedName> _names = [];
    private readonly Dictionary<string, string> _partTypes = new(StringComparer.Ordinal);
    private readonly List<string> _remarks = [];
    private string _id = "";
    private string _kind = "";
    private bool _isPrimaryIdentity;
    private bool _isPrimaryAlias;
    private string _group = "";
    private string _feature = "";
    private readonly List<string> _date = [];

    private OfacParty(OfacWords words) => _words = words;

    /// <summary>By which its programmes are found.</summary>
    public string Profile { get; private set; } = "";

    public static OfacParty Read(XmlReader reader, OfacWords words)
    {
        var party = new OfacParty(words) { _id = reader.GetAttribute("FixedRef") ?? "" };
        int line = (reader as IXmlLineInfo)?.LineNumber ?? 0;
        XmlTexts.Walk(reader, (path, text) =>
        {
            if (reader.NodeType == XmlNodeType.Element)
            {
                party.Begin(path, reader);
            }
            else if (text.Length > 0)
            {
                party.Take(path, text);
            }
        });
        party.EndDate();
        return party._names.Count > 0 && party._id.Length > 0
            ? party
            : throw new ListFileException(line, $"the party with FixedRef '{party._id}' has no name or no number", "Download the list again.");
    }

    /// <summary>The primary name is the first one of the primary alias of the primary identity; the same in other scripts is an alias.</summary>
    public ListEntry Entry(IReadOnlyList<string> programs)
    {
        DocumentedName primary = _names.Find(static name => name.IsPrimary) ?? _names[0];
        return ListEntry.Clean(
            _id, TextOf(primary), _names.Where(name => name != primary).Select(TextOf), _kind, string.Join("; ", programs), string.Join("; ", _remarks));
    }

    private void Begin(string path, XmlReader reader)
    {
        switch (path)
        {
            case "Profile":
                Profile = reader.GetAttribute("ID") ?? _id;
                _kind = _words.KindOf(reader);
                break;
            case "Profile/Identity":
                _isPrimaryIdentity = reader.GetAttribute("Primary") == "true";
                break;
            case "Profile/Identity/Alias":
                _isPrimaryAlias = reader.GetAttribute("Primary") == "true";
                break;
            case NamePath:
                _names.Add(new DocumentedName(_isPrimaryIdentity && _isPrimaryAlias));
                break;
            case $"{NamePath}/DocumentedNamePart/NamePartValue":
                _group = reader.GetAttribute("NamePartGroupID") ?? "";
                break;
            case "Profile/Identity/NamePartGroups/MasterNamePartGroup/NamePartGroup":
                _partTypes[reader.GetAttribute("ID") ?? ""] = _words.Of("NamePartType", reader.GetAttribute("NamePartTypeID"));
                break;
            case "Profile/Feature":
                EndDate();
                _feature = _words.Of("FeatureType", reader.GetAttribute("FeatureTypeID")).TrimEnd(':', '-', ' ');
                break;
            case "Profile/Feature/FeatureVersion/VersionDetail" when reader.GetAttribute("DetailReferenceID") is { } detail:
                Remark(_words.Of("DetailReference", detail));
                break;
        }
    }

    private void Take(string path, string text)
    {
        switch (path)
        {
            case $"{NamePath}/DocumentedNamePart/NamePartValue":
                _names[^1].Parts.Add((_group, text));
                break;
            case "Comment":
                _remarks.Add(text);
                break;
            case "Profile/Feature/FeatureVersion/VersionDetail":
                Remark(text);
                break;
            case "Profile/Feature/FeatureVersion/DatePeriod/Start/From/Year" or "Profile/Feature/FeatureVersion/DatePeriod/Start/From/Month"
                or "Profile/Feature/FeatureVersion/DatePeriod/Start/From/Day":
                _date.Add(text.PadLeft(2, '0'));
                break;
        }
    }

    private void EndDate()
    {
        if (_date.Count > 0)
        {
            Remark(string.Join('-', _date));
            _date.Clear();
        }
    }

    private void Remark(string text)
    {
        if (text.Length > 0)
        {
            _remarks.Add($"{_feature} {text}".Trim());
        }
    }

    /// <summary>As SDN.CSV writes it: <c>LAST, First Middle</c>. Which parts are which is only known at the end of the identity.</summary>
    private string TextOf(DocumentedName name)
    {
        string last = Join(static type => type is "Last Name");
        string rest = Join(static type => type is not "Last Name");
        return last.Length == 0 || rest.Length == 0 ? last + rest : $"{last}, {rest}";

        string Join(Func<string, bool> wanted) =>
            string.Join(' ', name.Parts.Where(part => wanted(_partTypes.GetValueOrDefault(part.Group, ""))).Select(static part => part.Text));
    }

    private sealed class DocumentedName(bool isPrimary)
    {
        public bool IsPrimary { get; } = isPrimary;

        public List<(string Group, string Text)> Parts { get; } = [];
    }
}
