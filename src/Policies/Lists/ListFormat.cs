using System.Xml;

namespace PipeRoll.Policies;

/// <summary>How a list file is written.</summary>
public enum ListFormat
{
    /// <summary>One name per line; <c>#</c> begins a comment line.</summary>
    Lines,

    /// <summary>CSV (RFC 4180) whose first line names the columns.</summary>
    Csv,

    /// <summary>A JSON array of names, or of objects with <c>name</c> and, if wanted, id, aliases, kind, programs, remarks.</summary>
    Json,

    /// <summary>The SDN list of the US Treasury as CSV: SDN.CSV, with ALT.CSV beside it.</summary>
    OfacCsv,

    /// <summary>The SDN list of the US Treasury as XML: SDN.XML.</summary>
    OfacXml,

    /// <summary>The lists of the US Treasury in the Advanced Sanctions List Standard: SDN_ADVANCED.XML.</summary>
    OfacAdvancedXml,

    /// <summary>The consolidated list of the UN Security Council as XML.</summary>
    UnXml,
}

/// <summary>The formats' names, and how to tell them apart.</summary>
public static class ListFormats
{
    /// <summary>By the names that policies and the command line use.</summary>
    public static IReadOnlyDictionary<string, ListFormat> ByName { get; } = new Dictionary<string, ListFormat>
    {
        ["lines"] = ListFormat.Lines,
        ["csv"] = ListFormat.Csv,
        ["json"] = ListFormat.Json,
        ["ofac-csv"] = ListFormat.OfacCsv,
        ["ofac-xml"] = ListFormat.OfacXml,
        ["ofac-advanced-xml"] = ListFormat.OfacAdvancedXml,
        ["un-xml"] = ListFormat.UnXml,
    };

    /// <summary>The format that a file seems to have, by its content.</summary>
    public static ListFormat Guess(ReadOnlySpan<byte> content)
    {
        ReadOnlySpan<byte> start = content.TrimStart("\uFEFF \t\r\n"u8);
        if (start.StartsWith("<"u8))
        {
            ReadOnlySpan<byte> beginning = content[..Math.Min(content.Length, 4_096)];
            return beginning.IndexOf("<sdnList"u8) >= 0 ? ListFormat.OfacXml
                : beginning.IndexOf("<Sanctions"u8) >= 0 ? ListFormat.OfacAdvancedXml
                : ListFormat.UnXml;
        }
        if (start.StartsWith("["u8) || start.StartsWith("{"u8))
        {
            return ListFormat.Json;
        }
        int end = start.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = end < 0 ? start : start[..end];
        if (line.Length > 0 && char.IsAsciiDigit((char)line[0]) && line.IndexOf("-0-"u8) >= 0)
        {
            return ListFormat.OfacCsv;
        }
        return line.Contains((byte)',') && !line.StartsWith("#"u8) ? ListFormat.Csv : ListFormat.Lines;
    }

    /// <summary>Nothing from outside is fetched or expanded, and nothing is larger than a list can be.</summary>
    internal static XmlReaderSettings XmlSettings => new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = 512L * 1024 * 1024,
        MaxCharactersFromEntities = 1_024,
        IgnoreComments = true,
        IgnoreProcessingInstructions = true,
        IgnoreWhitespace = true,
    };
}
