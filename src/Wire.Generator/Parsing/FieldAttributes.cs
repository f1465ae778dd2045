using System;
using System.Collections.Generic;
using System.Globalization;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>What stands after the type of a field: versions, default, tag, flags, in this order by custom only.</summary>
internal sealed class FieldAttributes
{
    public FieldAttributes(IEnumerable<Word> words, VersionRange outer, Action<string, Word, string> problem)
    {
        bool defaultFollows = false;
        foreach (Word word in words)
        {
            if (defaultFollows)
            {
                Default = word;
                defaultFollows = false;
            }
            else if (word.Text == "=")
            {
                defaultFollows = true;
            }
            else if (VersionText.LooksLikeVersions(word.Text))
            {
                Versions = VersionText.Within(word.Text, outer);
                if (Versions is null)
                {
                    problem(Rules.Versions, word, $"'{word.Text}' is not within the versions {outer.Low}-{outer.High} around it");
                }
            }
            else if (word.Text[0] == '@')
            {
                Tag = ParseTag(word, problem);
            }
            else
            {
                Flag(word, problem);
            }
        }
    }

    public VersionRange? Versions { get; }

    public Word? Default { get; }

    public int Tag { get; } = -1;

    public bool Plain { get; private set; }

    public bool Name { get; private set; }

    private static int ParseTag(Word word, Action<string, Word, string> problem)
    {
        if (short.TryParse(word.Text.Substring(1), NumberStyles.None, CultureInfo.InvariantCulture, out short tag))
        {
            return tag;
        }

        problem(Rules.Syntax, word, $"'{word.Text}': a tag is @ and a number");
        return -1;
    }

    private void Flag(Word word, Action<string, Word, string> problem)
    {
        switch (word.Text)
        {
            case "plain":
                Plain = true;
                break;
            case "name":
                Name = true;
                break;
            default:
                string expected = "after the type stand versions (3+, 3-7), '= default', @tag, 'plain' or 'name'";
                problem(Rules.Syntax, word, $"'{word.Text}': {expected}");
                break;
        }
    }
}
