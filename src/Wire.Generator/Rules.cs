using System.Collections.Generic;
using Microsoft.CodeAnalysis;

namespace PipeRoll.Wire.Generator;

/// <summary>The mistakes that a definition file can have (docs/formats/kafka-definitions.md lists them).</summary>
public static class Rules
{
    public const string Syntax = "PRW001";
    public const string UnknownType = "PRW002";
    public const string Versions = "PRW003";
    public const string Duplicate = "PRW004";
    public const string Value = "PRW005";
    public const string Placement = "PRW006";

    private const string Category = "PipeRoll.Wire";

    private static readonly DiagnosticDescriptor SyntaxRule = new(
        Syntax, "A line that cannot be read", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly DiagnosticDescriptor UnknownTypeRule = new(
        UnknownType, "An unknown type", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly DiagnosticDescriptor VersionsRule = new(
        Versions, "Versions that do not fit", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly DiagnosticDescriptor DuplicateRule = new(
        Duplicate, "A name, tag or key twice", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly DiagnosticDescriptor ValueRule = new(
        Value, "A default that is not a value of the type", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly DiagnosticDescriptor PlacementRule = new(
        Placement, "A field or attribute that cannot stand there", "{0}", Category, DiagnosticSeverity.Error, isEnabledByDefault: true);

    private static readonly Dictionary<string, DiagnosticDescriptor> ById = new()
    {
        [Syntax] = SyntaxRule,
        [UnknownType] = UnknownTypeRule,
        [Versions] = VersionsRule,
        [Duplicate] = DuplicateRule,
        [Value] = ValueRule,
        [Placement] = PlacementRule,
    };

    internal static DiagnosticDescriptor Descriptor(string rule) => ById[rule];
}
