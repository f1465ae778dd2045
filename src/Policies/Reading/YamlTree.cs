using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace PipeRoll.Policies.Reading;

/// <summary>
/// Builds the tree of one YAML document from YamlDotNet's events, so that every node keeps its place, duplicate keys are
/// reported where they stand, and nothing that a policy never needs (anchors, tags, deep nesting) gets in.
/// </summary>
internal static class YamlTree
{
    private const int DepthMax = 16;

    /// <summary>The root node; null if the text is no YAML or empty, with the problem reported.</summary>
    public static YamlNode? Read(string text, ProblemList problems)
    {
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                problems.Add(1, 1, "the file is empty", "Begin with `name:` and `version:`; docs/POLICIES.md shows a whole policy.");
                return null;
            }
            parser.Consume<DocumentStart>();
            YamlNode root = ReadNode(parser, problems, 0);
            parser.Consume<DocumentEnd>();
            if (parser.Accept<DocumentStart>(out DocumentStart? second))
            {
                problems.Add(LineOf(second.Start), 1, "a second document begins here", "Write one policy per file; remove the `---`.");
            }
            return root;
        }
        catch (YamlException e)
        {
            problems.Add(
                Math.Min(LineOf(e.Start), LinesOf(text)),
                ColumnOf(e.Start),
                $"this is not YAML: {e.Message.TrimEnd('.')}",
                "Check indentation and quotes here; write texts with `: `, `#` or a leading `{` in quotes.");
            return null;
        }
    }

    private static YamlNode ReadNode(Parser parser, ProblemList problems, int depth)
    {
        ParsingEvent current = parser.Current!;
        int line = LineOf(current.Start);
        int column = ColumnOf(current.Start);
        if (depth > DepthMax)
        {
            throw new YamlException(current.Start, current.End, $"it is nested deeper than {DepthMax} levels");
        }
        if (current is AnchorAlias)
        {
            throw new YamlException(current.Start, current.End, "aliases (`*name`) are not allowed in a policy; write the value out");
        }
        if (current is NodeEvent { Anchor.IsEmpty: false })
        {
            throw new YamlException(current.Start, current.End, "anchors (`&name`) are not allowed in a policy");
        }
        if (parser.TryConsume<Scalar>(out Scalar? scalar))
        {
            return new YamlText(line, column, LineOf(scalar.End), scalar.Value, StyleOf(scalar.Style));
        }
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<YamlNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadNode(parser, problems, depth + 1));
            }
            return new YamlList(line, column, items);
        }
        parser.Consume<MappingStart>();
        return new YamlMap(line, column, ReadEntries(parser, problems, depth));
    }

    private static List<YamlEntry> ReadEntries(Parser parser, ProblemList problems, int depth)
    {
        var entries = new List<YamlEntry>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            YamlNode keyNode = ReadNode(parser, problems, depth + 1);
            YamlNode value = ReadNode(parser, problems, depth + 1);
            if (keyNode is not YamlText key)
            {
                problems.Add(keyNode, "a key must be a plain word", "Write `key: value`.");
            }
            else if (!seen.TryAdd(key.Text, key.Line))
            {
                problems.Add(key, $"'{key.Text}' is there twice, first in line {seen[key.Text]}", "Keep one of the two.");
            }
            else
            {
                entries.Add(new YamlEntry(key, value));
            }
        }
        return entries;
    }

    private static YamlStyle StyleOf(ScalarStyle style) => style switch
    {
        ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted => YamlStyle.Quoted,
        ScalarStyle.Literal => YamlStyle.Literal,
        ScalarStyle.Folded => YamlStyle.Folded,
        _ => YamlStyle.Plain,
    };

    private static int LinesOf(string text) => text.AsSpan().TrimEnd('\n').Count('\n') + 1;

    private static int LineOf(Mark mark) => (int)Math.Max(mark.Line, 1);

    private static int ColumnOf(Mark mark) => (int)Math.Max(mark.Column, 1);
}
