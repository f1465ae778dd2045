using System.Text;
using System.Text.Json;
using System.Xml;
using PipeRoll.Policies.Lists;
using PipeRoll.Policies.Lists.Formats;

namespace PipeRoll.Policies;

/// <summary>What is to be read of a list file.</summary>
/// <param name="Format">How it is written.</param>
public sealed record ListFileOptions(ListFormat Format)
{
    /// <summary>For CSV: the column with the names.</summary>
    public string NameColumn { get; init; } = "name";

    /// <summary>For CSV: the column that numbers the entries; empty for none.</summary>
    public string IdColumn { get; init; } = "";

    /// <summary>For CSV: the column with other names, separated by <c>;</c>; empty for none.</summary>
    public string AliasColumn { get; init; } = "";
}

/// <summary>
/// Reads list files in all formats, as a stream, with a bound on everything: a file that somebody else publishes is hostile until it is
/// read.
/// </summary>
public static class ListFile
{
    /// <summary>Reads a list.</summary>
    /// <param name="content">The file.</param>
    /// <param name="aliases">For <see cref="ListFormat.OfacCsv"/>: ALT.CSV; else null.</param>
    /// <param name="options">How to read it.</param>
    /// <exception cref="ListFileException">The file is not what it should be.</exception>
    public static ListDocument Read(Stream content, Stream? aliases, ListFileOptions options)
    {
        try
        {
            return new ListDocument(EntriesOf(content, aliases, options));
        }
        catch (DecoderFallbackException)
        {
            throw new ListFileException(1, "the file is not UTF-8 text", "Save the list as UTF-8.");
        }
        catch (XmlException e)
        {
            throw new ListFileException(e.LineNumber, $"this is not XML that is read here: {e.Message}", "Download the list again; DTDs are refused.");
        }
        catch (JsonException e)
        {
            throw new ListFileException((int)(e.LineNumber ?? 0) + 1, "this is not JSON", "Write an array of names, or of objects with `name`.");
        }
    }

    /// <summary>Reads a list from a file, or from a folder with the SDN list's CSV files.</summary>
    /// <exception cref="ListFileException">The file is not what it should be.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ListDocument Load(string path, ListFileOptions? options = null)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, "sdn.csv") : path;
        using FileStream content = File.OpenRead(file);
        ListFileOptions wanted = options ?? new ListFileOptions(Guess(content));
        string beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, "alt.csv");
        using FileStream? aliases = wanted.Format == ListFormat.OfacCsv && File.Exists(beside) ? File.OpenRead(beside) : null;
        return Read(content, aliases, wanted);
    }

    private static ListFormat Guess(FileStream content)
    {
        Span<byte> start = stackalloc byte[4_096];
        int length = content.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        content.Position = 0;
        return ListFormats.Guess(start[..length]);
    }

    private static IEnumerable<ListEntry> EntriesOf(Stream content, Stream? aliases, ListFileOptions options) => Bounded(options.Format switch
    {
        ListFormat.Lines => ReadLines(TextOf(content)),
        ListFormat.Csv => CsvList.Read(TextOf(content), options),
        ListFormat.Json => JsonList.Read(content),
        ListFormat.OfacCsv => OfacCsv.Read(TextOf(content), aliases is null ? null : TextOf(aliases)),
        ListFormat.OfacXml => OfacXml.Read(content),
        ListFormat.OfacAdvancedXml => OfacAdvancedXml.Read(content),
        _ => UnXml.Read(content),
    });

    private static StreamReader TextOf(Stream content) =>
        new(content, new UTF8Encoding(false, throwOnInvalidBytes: true), detectEncodingFromByteOrderMarks: true, leaveOpen: true);

    private static IEnumerable<ListEntry> Bounded(IEnumerable<ListEntry> entries)
    {
        int count = 0;
        foreach (ListEntry entry in entries)
        {
            if (++count > ListDocument.EntriesMax)
            {
                throw new ListFileException(0, $"the list has more than {ListDocument.EntriesMax} entries", "Is this the right file?");
            }
            yield return entry;
        }
    }

    private static IEnumerable<ListEntry> ReadLines(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            string entry = line.Trim();
            if (entry.Length > 0 && entry[0] != '#')
            {
                yield return ListEntry.Of(entry);
            }
        }
    }
}
