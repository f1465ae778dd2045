using System.Collections.Immutable;

namespace PipeRoll.Cel;

/// <summary>The macros that iterate over a list or a map.</summary>
public enum CelMacro : byte
{
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
    TransformList,
    TransformMap,
    TransformMapEntry,
    SortBy,
}

/// <summary>
/// A node of the syntax tree, macros already expanded into <see cref="Comprehension"/>, <see cref="Bind"/> and
/// <see cref="Select.IsTest"/>. Immutable. <see cref="Id"/> numbers the nodes of one tree from 0.
/// </summary>
public abstract class CelExpr
{
    private protected CelExpr(int id, int offset, int length, int depth)
    {
        Id = id;
        Offset = offset;
        Length = length;
        Depth = depth;
    }

    public int Id { get; }

    /// <summary>Where the node's own token is in the source (for a call: its operator or name), in UTF-16 units.</summary>
    public int Offset { get; }

    /// <summary>The length of that token.</summary>
    public int Length { get; }

    /// <summary>The height of the tree below, 1 for a leaf.</summary>
    public int Depth { get; }

    /// <summary>The direct children, in evaluation order.</summary>
    public abstract IEnumerable<CelExpr> Children { get; }

    private protected static int Below(params ReadOnlySpan<CelExpr?> children)
    {
        int depth = 0;
        foreach (CelExpr? child in children)
        {
            depth = Math.Max(depth, child?.Depth ?? 0);
        }

        return depth + 1;
    }

    public sealed class Literal(int id, int offset, int length, CelValue value) : CelExpr(id, offset, length, 1)
    {
        public CelValue Value { get; } = value;

        public override IEnumerable<CelExpr> Children => [];
    }

    /// <summary>A name; a leading dot means that the container is not searched.</summary>
    public sealed class Ident(int id, int offset, int length, string name, bool isAbsolute = false) : CelExpr(id, offset, length, 1)
    {
        public string Name { get; } = name;

        public bool IsAbsolute { get; } = isAbsolute;

        public override IEnumerable<CelExpr> Children => [];
    }

    /// <summary><c>operand.field</c>, <c>operand.?field</c>, or <c>has(operand.field)</c>.</summary>
    public sealed class Select(int id, int offset, int length, CelExpr operand, string field, bool isTest = false, bool isOptional = false)
        : CelExpr(id, offset, length, Below(operand))
    {
        public CelExpr Operand { get; } = operand;

        public string Field { get; } = field;

        public bool IsTest { get; } = isTest;

        public bool IsOptional { get; } = isOptional;

        public override IEnumerable<CelExpr> Children => [Operand];
    }

    /// <summary>
    /// A call of a function or operator (<c>_+_</c>, <c>!_</c>, <c>_?_:_</c>, <c>_[_]</c>, …). <c>_&amp;&amp;_</c> and
    /// <c>_||_</c> have two or more arguments. The operands of an arithmetic operator are arguments, not a target.
    /// </summary>
    public sealed class Call(int id, int offset, int length, string function, CelExpr? target, ImmutableArray<CelExpr> arguments)
        : CelExpr(id, offset, length, Math.Max(Below(target), Below(arguments.AsSpan())))
    {
        public string Function { get; } = function;

        public CelExpr? Target { get; } = target;

        public ImmutableArray<CelExpr> Arguments { get; } = arguments;

        public override IEnumerable<CelExpr> Children => Target is null ? Arguments : Arguments.Insert(0, Target);
    }

    /// <summary><c>[a, ?b]</c>; <see cref="IsOptional"/> is parallel to the elements.</summary>
    public sealed class List(int id, int offset, int length, ImmutableArray<CelExpr> elements, ImmutableArray<bool> isOptional)
        : CelExpr(id, offset, length, Below(elements.AsSpan()))
    {
        public ImmutableArray<CelExpr> Elements { get; } = elements;

        public ImmutableArray<bool> IsOptional { get; } = isOptional;

        public override IEnumerable<CelExpr> Children => Elements;
    }

    /// <summary><c>{key: value, ?key: optional}</c>; the arrays are parallel.</summary>
    public sealed class Map(
        int id, int offset, int length, ImmutableArray<CelExpr> keys, ImmutableArray<CelExpr> values, ImmutableArray<bool> isOptional)
        : CelExpr(id, offset, length, Math.Max(Below(keys.AsSpan()), Below(values.AsSpan())))
    {
        public ImmutableArray<CelExpr> Keys { get; } = keys;

        public ImmutableArray<CelExpr> Values { get; } = values;

        public ImmutableArray<bool> IsOptional { get; } = isOptional;

        public override IEnumerable<CelExpr> Children => Keys.Zip(Values, (key, value) => new[] { key, value }).SelectMany(pair => pair);
    }

    /// <summary><c>acme.Event{field: value}</c>; the arrays are parallel.</summary>
    public sealed class Struct(
        int id,
        int offset,
        int length,
        string typeName,
        bool isAbsolute,
        ImmutableArray<string> fields,
        ImmutableArray<CelExpr> values,
        ImmutableArray<bool> isOptional) : CelExpr(id, offset, length, Below(values.AsSpan()))
    {
        public string TypeName { get; } = typeName;

        public bool IsAbsolute { get; } = isAbsolute;

        public ImmutableArray<string> Fields { get; } = fields;

        public ImmutableArray<CelExpr> Values { get; } = values;

        public ImmutableArray<bool> IsOptional { get; } = isOptional;

        public override IEnumerable<CelExpr> Children => Values;
    }

    /// <summary><c>range.macro(variable, [variable2,] [filter,] body)</c>.</summary>
    public sealed class Comprehension(
        int id, int offset, int length, CelMacro macro, CelExpr range, string variable, string? variable2, CelExpr? filter, CelExpr body)
        : CelExpr(id, offset, length, Below(range, filter, body))
    {
        public CelMacro Macro { get; } = macro;

        public CelExpr Range { get; } = range;

        /// <summary>With one variable: element or key. With two: index and element, or key and value.</summary>
        public string Variable { get; } = variable;

        public string? Variable2 { get; } = variable2;

        public CelExpr? Filter { get; } = filter;

        public CelExpr Body { get; } = body;

        public override IEnumerable<CelExpr> Children => Filter is null ? [Range, Body] : [Range, Filter, Body];
    }

    /// <summary><c>cel.bind(variable, value, body)</c>.</summary>
    public sealed class Bind(int id, int offset, int length, string variable, CelExpr value, CelExpr body)
        : CelExpr(id, offset, length, Below(value, body))
    {
        public string Variable { get; } = variable;

        public CelExpr Value { get; } = value;

        public CelExpr Body { get; } = body;

        public override IEnumerable<CelExpr> Children => [Value, Body];
    }

    /// <summary>Where the source could not be read; only in trees that have diagnostics.</summary>
    public sealed class Invalid(int id, int offset, int length) : CelExpr(id, offset, length, 1)
    {
        public override IEnumerable<CelExpr> Children => [];
    }
}
