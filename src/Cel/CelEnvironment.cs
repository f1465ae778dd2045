using System.Collections.Frozen;
using PipeRoll.Cel.Checking;
using PipeRoll.Cel.Compilation;
using PipeRoll.Cel.Costs;
using PipeRoll.Cel.Functions;
using PipeRoll.Cel.Parsing;

namespace PipeRoll.Cel;

/// <summary>Function libraries and macros beyond the core of the language.</summary>
[Flags]
public enum CelExtensions
{
    None = 0,
    Strings = 1,
    Math = 2,
    Lists = 4,
    Sets = 8,
    Encoders = 16,

    /// <summary><c>cel.bind</c>.</summary>
    Bindings = 32,

    /// <summary><c>all</c>, <c>exists</c>, <c>existsOne</c>, <c>transformList</c>, <c>transformMap</c>… with two variables.</summary>
    TwoVariables = 64,

    /// <summary><c>optional.of</c>, <c>a.?b</c>, <c>a[?b]</c>, <c>optMap</c>…</summary>
    Optionals = 128,

    /// <summary><c>cel.block</c>, for tools that factor out common subexpressions.</summary>
    Blocks = 256,

    /// <summary><c>ip('10.0.0.1')</c>, <c>cidr('10.0.0.0/8').containsIP(…)</c>…</summary>
    Network = 512,

    /// <summary><c>proto.getExt(message, acme.extension)</c>, <c>proto.hasExt</c>.</summary>
    Protobuf = 1024,
    All = Strings | Math | Lists | Sets | Encoders | Bindings | TwoVariables | Optionals | Blocks | Network | Protobuf,
}

/// <summary>
/// What expressions may name: variables, struct types, constants and functions. Immutable and safe for any number of threads.
/// </summary>
public sealed class CelEnvironment
{
    private const string SmallerHint = "iterate over fewer or smaller values, or declare their sizes";

    private CelEnvironment(Builder builder)
    {
        Container = builder.ContainerName;
        Variables = builder.VariableList.ToArray();
        Limits = builder.LimitsValue;
        Slots = builder.VariableList.Index().ToFrozenDictionary(variable => variable.Item.Name, variable => variable.Index);
        Structs = StructsOf(builder);
        Constants = builder.Constants.ToFrozenDictionary();
        Functions = FunctionTable.Build(builder.ExtensionSet, builder.Functions);
        Macros = MacrosOf(builder.ExtensionSet);
    }

    /// <summary>The namespace in which names are looked up first, e.g. <c>acme.policies</c>; empty for none.</summary>
    public string Container { get; }

    /// <summary>The variables; the index of each is its slot in the span given to <see cref="CelProgram.Evaluate(ReadOnlySpan{CelValue})"/>.</summary>
    public IReadOnlyList<CelField> Variables { get; }

    public CelLimits Limits { get; }

    internal FrozenDictionary<string, int> Slots { get; }

    internal FrozenDictionary<string, CelStructType> Structs { get; }

    internal FrozenDictionary<string, CelValue> Constants { get; }

    internal FrozenDictionary<string, CelOverload[]> Functions { get; }

    internal MacroSet Macros { get; }

    /// <summary>The slot of a variable, or -1.</summary>
    public int SlotOf(string variable) => Slots.GetValueOrDefault(variable, -1);

    /// <summary>Parses only.</summary>
    /// <exception cref="CelCompileException">The source is not an expression.</exception>
    public CelExpr Parse(string source)
    {
        var diagnostics = new DiagnosticBag(source);
        (CelExpr root, _) = Parser.Parse(source, diagnostics, Limits, Macros);
        diagnostics.ThrowIfAny();
        return root;
    }

    /// <summary>Parses, checks all types, and compiles.</summary>
    /// <exception cref="CelCompileException">With every problem found.</exception>
    public CelProgram Compile(string source) => Compile(source, isChecked: true);

    /// <summary>Parses and compiles without type errors: what would be one becomes an error value when it is evaluated.</summary>
    /// <exception cref="CelCompileException">The source is not an expression.</exception>
    public CelProgram CompileUnchecked(string source) => Compile(source, isChecked: false);

    private CelProgram Compile(string source, bool isChecked)
    {
        var diagnostics = new DiagnosticBag(source);
        (CelExpr root, int nodeCount) = Parser.Parse(source, diagnostics, Limits, Macros);
        diagnostics.ThrowIfAny();
        CheckedTree tree = Checker.Check(this, root, nodeCount, isChecked ? diagnostics : null);
        diagnostics.ThrowIfAny();
        CelCost cost = CostEstimator.Estimate(this, tree);
        if (isChecked && cost.Worst > Limits.WorstCostMax)
        {
            diagnostics.Add(cost.Offset, cost.Length, cost.Reason(Limits.WorstCostMax), SmallerHint);
        }

        diagnostics.ThrowIfAny();
        return new CelProgram(this, source, tree, Compiler.Compile(tree), cost);
    }

    private static FrozenDictionary<string, CelStructType> StructsOf(Builder builder)
    {
        var structs = new Dictionary<string, CelStructType>(builder.Structs, StringComparer.Ordinal);
        if (builder.ExtensionSet.HasFlag(CelExtensions.Network))
        {
            structs[NetworkAddress.Ip.Name] = NetworkAddress.Ip;
            structs[NetworkAddress.Cidr.Name] = NetworkAddress.Cidr;
        }

        return structs.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static MacroSet MacrosOf(CelExtensions extensions)
    {
        MacroSet macros = MacroSet.Standard;
        macros |= extensions.HasFlag(CelExtensions.TwoVariables) ? MacroSet.TwoVariables : 0;
        macros |= extensions.HasFlag(CelExtensions.Bindings) ? MacroSet.Bindings : 0;
        macros |= extensions.HasFlag(CelExtensions.Optionals) ? MacroSet.Optionals : 0;
        macros |= extensions.HasFlag(CelExtensions.Lists) ? MacroSet.Lists : 0;
        macros |= extensions.HasFlag(CelExtensions.Math) ? MacroSet.Math : 0;
        macros |= extensions.HasFlag(CelExtensions.Blocks) ? MacroSet.Blocks : 0;
        macros |= extensions.HasFlag(CelExtensions.Protobuf) ? MacroSet.Protobuf : 0;
        return macros;
    }

    /// <summary>Collects declarations. Not safe for several threads. Every name may be qualified with dots.</summary>
    public sealed class Builder
    {
        internal string ContainerName { get; private set; } = "";

        internal CelLimits LimitsValue { get; private set; } = CelLimits.Default;

        internal CelExtensions ExtensionSet { get; private set; }

        internal List<CelField> VariableList { get; } = [];

        internal Dictionary<string, CelStructType> Structs { get; } = [];

        internal Dictionary<string, CelValue> Constants { get; } = [];

        internal Dictionary<string, List<CelOverload>> Functions { get; } = [];

        public Builder Container(string name)
        {
            ContainerName = name;
            return this;
        }

        public Builder Limits(CelLimits limits)
        {
            LimitsValue = limits;
            return this;
        }

        public Builder Extensions(CelExtensions extensions)
        {
            ExtensionSet |= extensions;
            return this;
        }

        /// <summary>Declares a variable; it gets the next slot.</summary>
        /// <exception cref="ArgumentException">The name is taken.</exception>
        public Builder Variable(string name, CelType type) => Variable(new CelField(name, type));

        /// <summary>Declares a variable whose size may be known; it gets the next slot.</summary>
        /// <exception cref="ArgumentException">The name is taken.</exception>
        public Builder Variable(CelField variable)
        {
            if (VariableList.Any(other => other.Name == variable.Name))
            {
                throw new ArgumentException($"Variable {variable.Name} is declared twice.", nameof(variable));
            }

            VariableList.Add(variable);
            if (variable.Type.StructType is CelStructType structType)
            {
                Structs.TryAdd(structType.Name, structType);
            }

            return this;
        }

        /// <summary>Declares a struct type, so that expressions can name and build it.</summary>
        public Builder Struct(CelStructType type)
        {
            Structs[type.Name] = type;
            return this;
        }

        /// <summary>Declares protobuf messages and enumerations; <see cref="CelProtobuf.WellKnown"/> for those of <c>google.protobuf</c> alone.</summary>
        public Builder Protobuf(CelProtobuf messages)
        {
            messages.AddTo(this);
            return this;
        }

        /// <summary>Declares a name with a fixed value, e.g. a value of an enumeration.</summary>
        public Builder Constant(string name, CelValue value)
        {
            Constants[name] = value;
            return this;
        }

        /// <summary>Adds overloads to a function.</summary>
        public Builder Function(string name, params IEnumerable<CelOverload> overloads)
        {
            if (!Functions.TryGetValue(name, out List<CelOverload>? list))
            {
                Functions[name] = list = [];
            }

            list.AddRange(overloads);
            return this;
        }

        public CelEnvironment Build() => new(this);
    }
}
