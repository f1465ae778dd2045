using System;
using System.Collections.Generic;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>Splits a definition file into lines of words and hands each comment to the line it belongs to.</summary>
internal static class LineReader
{
    public static List<SourceLine> Read(string text, List<Problem> problems)
    {
        var lines = new List<SourceLine>();
        var above = new List<string>();
        string[] raw = text.Replace("\r\n", "\n").Split('\n');
        for (int number = 0; number < raw.Length; number++)
        {
            string line = raw[number];
            int hash = line.IndexOf('#');
            string code = hash < 0 ? line : line.Substring(0, hash);
            string? comment = hash < 0 ? null : line.Substring(hash + 1).Trim();
            if (code.Trim().Length == 0)
            {
                if (comment is not null)
                {
                    above.Add(comment);
                }

                continue;
            }

            if (comment is not null)
            {
                above.Add(comment);
            }

            if (Depth(code, number, problems) is { } depth)
            {
                lines.Add(new SourceLine(depth, Words(code, number), above.Count > 0 ? string.Join(" ", above) : null));
            }

            above.Clear();
        }

        return lines;
    }

    private static int? Depth(string code, int number, List<Problem> problems)
    {
        int tab = code.IndexOf('\t');
        if (tab >= 0)
        {
            problems.Add(new Problem(Rules.Syntax, number, tab, 1, "a tab: indent with two spaces for each level"));
            return null;
        }

        int indent = code.Length - code.TrimStart(' ').Length;
        if (indent % 2 != 0)
        {
            problems.Add(new Problem(Rules.Syntax, number, 0, indent, $"indented by {indent} spaces: each level is two spaces"));
            return null;
        }

        return indent / 2;
    }

    private static List<Word> Words(string code, int number)
    {
        var words = new List<Word>();
        int position = 0;
        while (position < code.Length)
        {
            if (code[position] == ' ')
            {
                position++;
                continue;
            }

            int end = code.IndexOf(' ', position);
            end = end < 0 ? code.Length : end;
            words.Add(new Word(code.Substring(position, end - position), number, position));
            position = end;
        }

        return words;
    }
}
