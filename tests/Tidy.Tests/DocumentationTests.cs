using System.Text.RegularExpressions;

namespace PipeRoll.Tidy.Tests;

/// <summary>Documentation that names a file names one that is there, and no document lies where nobody finds it.</summary>
public sealed partial class DocumentationTests
{
    private static IEnumerable<string> Documents =>
        Repository.Files.Where(path => path.EndsWith(".md", StringComparison.Ordinal) && !path.Contains("/node_modules/", StringComparison.Ordinal));

    [Fact]
    public void EveryPathInTheArchitectureExists()
    {
        IEnumerable<string> missing = PathInBackticks().Matches(Repository.Read("docs/ARCHITECTURE.md"))
            .Select(match => match.Groups[1].Value.TrimEnd('/')).Distinct().Where(path => !Repository.Exists(path));
        Repository.AssertNone(missing, "docs/ARCHITECTURE.md names what is not there");
    }

    [Fact]
    public void EveryRelativeLinkLeadsSomewhere()
    {
        IEnumerable<string> broken = Documents.SelectMany(document => RelativeLink().Matches(Repository.Read(document))
            .Select(match => match.Groups[1].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !target.StartsWith('#'))
            .Select(target => (document, target, path: Path.GetRelativePath(
                Repository.Root, Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, target.Split('#')[0])).Replace('\\', '/')))
            .Where(link => !Repository.Exists(link.path))
            .Select(link => $"{link.document} -> {link.target}"));
        Repository.AssertNone(broken, "broken links");
    }

    [Fact]
    public void EveryDocumentIsLinked()
    {
        string everything = string.Concat(Documents.Select(document => string.Concat(
            RelativeLink().Matches(Repository.Read(document)).Select(match => " " + match.Groups[1].Value.Split('#')[0] + " "))));
        IEnumerable<string> dead = Documents.Where(document => document.StartsWith("docs/", StringComparison.Ordinal))
            .Where(document => !everything.Contains(Path.GetFileName(document) + " ", StringComparison.Ordinal));
        Repository.AssertNone(dead, "no other document links to");
    }

    [Fact]
    public void TheArchitectureOpensWithTheTwoPaths()
    {
        string text = Repository.Read("docs/ARCHITECTURE.md");
        int produce = text.IndexOf("A produce in nine files", StringComparison.OrdinalIgnoreCase);
        int decision = text.IndexOf("A decision in seven files", StringComparison.OrdinalIgnoreCase);
        Assert.InRange(produce, 0, 1_500);
        Assert.InRange(decision, produce, produce + 4_000);
        Assert.Equal(9, NumberedSteps(text[produce..decision]));
        Assert.Equal(7, NumberedSteps(text[decision..text.IndexOf("\n## ", decision, StringComparison.Ordinal)]));
    }

    private static int NumberedSteps(string section) => NumberedLine().Count(section);

    [GeneratedRegex(@"`((?:src|tests|docs|bench|samples|build|compat)/[\w./-]+)`")]
    private static partial Regex PathInBackticks();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex RelativeLink();

    [GeneratedRegex(@"^\d+\. ", RegexOptions.Multiline)]
    private static partial Regex NumberedLine();
}
