using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;
using PipeRoll.Wire.Generator;

namespace PipeRoll.Wire.Tests.Generator;

/// <summary>Runs the generator over definitions that a test writes.</summary>
internal sealed class GeneratorHost
{
    private readonly Compilation _compilation = CSharpCompilation.Create("definitions");
    private GeneratorDriver _driver;

    public GeneratorHost(params DefinitionText[] files)
    {
        var options = new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true);
        _driver = CSharpGeneratorDriver.Create([new KafkaGenerator().AsSourceGenerator()], files, driverOptions: options);
        _driver = _driver.RunGenerators(_compilation);
    }

    public GeneratorRunResult Result => _driver.GetRunResult().Results.Single();

    public ImmutableArray<Diagnostic> Diagnostics => Result.Diagnostics;

    public string Source(string name) => Result.GeneratedSources.Single(source => source.HintName == name).SourceText.ToString();

    /// <summary>Runs again with one file replaced, as an edit does.</summary>
    public void Replace(DefinitionText before, DefinitionText after) =>
        _driver = _driver.ReplaceAdditionalText(before, after).RunGenerators(_compilation);

    /// <summary>Why each output of the last run was produced or not, in the order of the files.</summary>
    public IReadOnlyList<IncrementalStepRunReason> OutputReasons() =>
        [.. Result.TrackedOutputSteps.SelectMany(step => step.Value).SelectMany(run => run.Outputs).Select(output => output.Reason)];
}

internal sealed class DefinitionText(string name, string text) : AdditionalText
{
    public override string Path { get; } = $"/definitions/{name}.kafka";

    public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
}
