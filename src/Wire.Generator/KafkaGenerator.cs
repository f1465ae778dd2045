using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;
using PipeRoll.Wire.Generator.Emitting;
using PipeRoll.Wire.Generator.Parsing;

namespace PipeRoll.Wire.Generator;

/// <summary>Turns each <c>*.kafka</c> file into the classes of its messages, and all of them into the table of supported APIs.</summary>
[Generator]
public sealed class KafkaGenerator : IIncrementalGenerator
{
    public const string ParsedFiles = "ParsedFiles";

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<DefinitionFile> files = context.AdditionalTextsProvider
            .Where(static file => file.Path.EndsWith(".kafka", System.StringComparison.Ordinal))
            .Select(static (file, cancel) => DefinitionParser.Parse(file.Path, file.GetText(cancel)?.ToString() ?? string.Empty))
            .WithTrackingName(ParsedFiles);
        IncrementalValueProvider<ImmutableArray<Api>> apis = files
            .Where(static file => file.Api is not null && file.Problems.Count == 0)
            .Select(static (file, _) => file.Api!)
            .Collect();

        context.RegisterSourceOutput(files, EmitFile);
        context.RegisterSourceOutput(apis, EmitTable);
    }

    private static void EmitFile(SourceProductionContext context, DefinitionFile file)
    {
        foreach (Problem problem in file.Problems)
        {
            context.ReportDiagnostic(Diagnostic.Create(Rules.Descriptor(problem.Rule), Place(file.Path, problem), problem.Text));
        }

        foreach (Message message in file.Messages)
        {
            string source = MessageEmitter.Emit(message, Path.GetFileName(file.Path));
            context.AddSource($"{message.Name}.g.cs", SourceText.From(source, Encoding.UTF8));
        }
    }

    private static void EmitTable(SourceProductionContext context, ImmutableArray<Api> apis)
    {
        List<Api> sorted = [.. apis.OrderBy(api => api.Key).ThenBy(api => api.Name, System.StringComparer.Ordinal)];
        for (int index = 1; index < sorted.Count; index++)
        {
            if (sorted[index].Key == sorted[index - 1].Key)
            {
                string text = $"{sorted[index - 1].Name} and {sorted[index].Name} both have the key {sorted[index].Key}";
                context.ReportDiagnostic(Diagnostic.Create(Rules.Descriptor(Rules.Duplicate), Location.None, text));
                return;
            }
        }

        context.AddSource("ApiKey.g.cs", SourceText.From(TableEmitter.EmitKeys(sorted), Encoding.UTF8));
        context.AddSource("ApiVersionsTable.g.cs", SourceText.From(TableEmitter.EmitTable(sorted), Encoding.UTF8));
    }

    private static Location Place(string path, Problem problem)
    {
        var start = new LinePosition(problem.Line, problem.Column);
        var end = new LinePosition(problem.Line, problem.Column + problem.Length);
        return Location.Create(path, default, new LinePositionSpan(start, end));
    }
}
