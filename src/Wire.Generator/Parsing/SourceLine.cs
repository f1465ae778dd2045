using System.Collections.Generic;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>A word of a definition file and where it stands.</summary>
internal readonly record struct Word(string Text, int Line, int Column);

/// <summary>A line that says something: its depth (two spaces each), its words, and the comment that belongs to it.</summary>
internal sealed class SourceLine(int depth, IReadOnlyList<Word> words, string? comment)
{
    public int Depth { get; } = depth;

    public IReadOnlyList<Word> Words { get; } = words;

    public Word First => Words[0];

    /// <summary>The comment lines directly above, then the one at the end of the line; null if there is none.</summary>
    public string? Comment { get; } = comment;
}
