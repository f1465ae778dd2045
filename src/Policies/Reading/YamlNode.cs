namespace PipeRoll.Policies.Reading;

/// <summary>A node of a policy file with its place, lines and columns from 1.</summary>
internal abstract record YamlNode(int Line, int Column);

/// <summary>A scalar: its text after unquoting, and how it was written.</summary>
internal sealed record YamlText(int Line, int Column, int EndLine, string Text, YamlStyle Style) : YamlNode(Line, Column);

/// <summary>A sequence.</summary>
internal sealed record YamlList(int Line, int Column, IReadOnlyList<YamlNode> Items) : YamlNode(Line, Column);

/// <summary>A mapping in the order of the file, keys unique.</summary>
internal sealed record YamlMap(int Line, int Column, IReadOnlyList<YamlEntry> Entries) : YamlNode(Line, Column);

/// <summary>A key and what stands under it.</summary>
internal sealed record YamlEntry(YamlText Key, YamlNode Value);

/// <summary>How a scalar was written: what decides where its characters are in the file.</summary>
internal enum YamlStyle
{
    /// <summary>Without quotes.</summary>
    Plain,

    /// <summary>In single or double quotes.</summary>
    Quoted,

    /// <summary>A block after <c>|</c>, line breaks kept.</summary>
    Literal,

    /// <summary>A block after <c>&gt;</c>, line breaks become spaces.</summary>
    Folded,
}
