using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace PipeRoll.Tidy.Tests;

/// <summary>What a reader may rely on in any source file: its size, and that nothing unfinished hides in it.</summary>
public sealed partial class SourceTests
{
    private const int FileLinesMax = 800;
    private const int MethodLinesMax = 70;
    private const int LineCharactersMax = 160;

    [Fact]
    public void FilesAreShort() =>
        Repository.AssertNone(
            Repository.CSharpFiles.Select(path => (path, lines: File.ReadLines(Path.Combine(Repository.Root, path)).Count()))
                .Where(file => file.lines > FileLinesMax).Select(file => $"{file.path}: {file.lines} lines"),
            $"a file of more than {FileLinesMax} lines holds more than one idea");

    [Fact]
    public void MethodsAreShort() =>
        Repository.AssertNone(
            Repository.CSharpFiles.Where(path => !path.StartsWith("tests/", StringComparison.Ordinal)).SelectMany(LongMethods),
            $"a method of more than {MethodLinesMax} lines wants to be several");

    [Fact]
    public void LinesFitTheScreen() =>
        Repository.AssertNone(
            Repository.CSharpFiles.Where(path => path.StartsWith("src/", StringComparison.Ordinal))
                .SelectMany(path => File.ReadLines(Path.Combine(Repository.Root, path))
                    .Select((line, index) => (line, index)).Where(item => item.line.Length > LineCharactersMax)
                    .Select(item => $"{path}:{item.index + 1}")),
            $"lines of more than {LineCharactersMax} characters");

    [Fact]
    public void NothingUnfinishedIsHidden()
    {
        IEnumerable<string> offences = Repository.CSharpFiles
            .Where(path => !path.StartsWith("tests/Tidy.Tests/", StringComparison.Ordinal))
            .SelectMany(path => Unfinished().Matches(Repository.Read(path)).Select(match => $"{path}: {match.Value}"));
        Repository.AssertNone(offences, "finish it or delete it");
    }

    [Fact]
    public void NoFileNamesAPathOfSomebodysMachine()
    {
        IEnumerable<string> offences = Repository.Files
            .Where(path => !path.StartsWith("tests/Tidy.Tests/", StringComparison.Ordinal) && !path.EndsWith("package-lock.json", StringComparison.Ordinal))
            .Where(path => Path.GetExtension(path) is ".cs" or ".md" or ".yaml" or ".yml" or ".props" or ".csproj" or ".txt" or ".js" or ".py" or ".sh" or "")
            .Where(path => MachinePath().IsMatch(Repository.Read(path)));
        Repository.AssertNone(offences, "these files name a path that only one machine has");
    }

    private static IEnumerable<string> LongMethods(string path)
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(SourceText.From(Repository.Read(path)), new CSharpParseOptions(LanguageVersion.Preview));
        foreach (SyntaxNode member in tree.GetRoot().DescendantNodes().Where(node => node is BaseMethodDeclarationSyntax or AccessorDeclarationSyntax or LocalFunctionStatementSyntax))
        {
            FileLinePositionSpan span = tree.GetLineSpan(member.Span);
            int lines = span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
            if (lines > MethodLinesMax)
            {
                yield return $"{path}:{span.StartLinePosition.Line + 1}: {lines} lines";
            }
        }
    }

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b|Assert\.True\(true\)|Skip\s*=\s*""")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"(?<![\w.$}])/(work|home|farm|opt/nuget)/")]
    private static partial Regex MachinePath();
}
