using System.Collections.Immutable;

namespace PipeRoll.Cel.Checking;

/// <summary>What the checker found out about a node.</summary>
internal abstract record Resolution
{
    /// <summary>A variable of the environment.</summary>
    public sealed record Variable(int Slot) : Resolution;

    /// <summary>A variable of a macro.</summary>
    public sealed record Local(int Index) : Resolution;

    public sealed record Constant(CelValue Value) : Resolution;

    /// <summary>An error when evaluated (unchecked mode).</summary>
    public sealed record Failure(CelError Error) : Resolution;

    /// <summary>A field of a struct type that is known.</summary>
    public sealed record Field(CelStructType Type, int Index) : Resolution;

    /// <summary>The overloads that may be meant. <see cref="UsesTarget"/> is false when the target is part of the name.</summary>
    public sealed record Function(string Name, bool UsesTarget, ImmutableArray<CelOverload> Candidates) : Resolution;

    public sealed record Struct(CelStructType Type, ImmutableArray<int> Fields) : Resolution;

    /// <summary>Where a macro keeps its variables; the second is -1 when there is one.</summary>
    public sealed record Locals(int First, int Second) : Resolution;
}

/// <summary>A syntax tree with types and resolved names, by the nodes' ids.</summary>
internal sealed class CheckedTree(CelExpr root, CelType[] types, Resolution?[] resolutions, int localCount)
{
    public CelExpr Root { get; } = root;

    public int LocalCount { get; } = localCount;

    public CelType TypeOf(CelExpr node) => types[node.Id];

    public Resolution? Resolved(CelExpr node) => resolutions[node.Id];
}
