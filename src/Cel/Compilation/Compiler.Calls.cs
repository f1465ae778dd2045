using PipeRoll.Cel.Checking;

namespace PipeRoll.Cel.Compilation;

/// <summary>Operators and functions.</summary>
internal sealed partial class Compiler
{
    private Node VisitCall(CelExpr.Call call)
    {
        if (call.Function is Operators.And or Operators.Or)
        {
            Node[] terms = VisitAll(call.Arguments);
            return Folded(call.Function == Operators.And ? new AndNode(terms) : new OrNode(terms), terms);
        }

        var function = (Resolution.Function)_tree.Resolved(call)!;
        Node[] arguments = VisitAll(function.UsesTarget ? call.Arguments.Insert(0, call.Target!) : call.Arguments);
        Node node = function is { Name: "matches", Candidates.Length: 1 } && arguments.Length == 2
            ? new MatchesNode(arguments[0], arguments[1])
            : OperatorNode(call, arguments) ?? FunctionNode(function, arguments);
        return Folded(node, arguments);
    }

    private static Node FunctionNode(Resolution.Function function, Node[] arguments)
    {
        CelOverload[] overloads = [.. function.Candidates];
        return arguments.Length switch
        {
            1 => new UnaryCallNode(function.Name, overloads, arguments[0]),
            2 => new BinaryCallNode(function.Name, overloads, arguments[0], arguments[1]),
            _ => new CallNode(function.Name, overloads, arguments),
        };
    }

    private Node? OperatorNode(CelExpr.Call call, Node[] arguments) => call.Function switch
    {
        Operators.Not => new NotNode(arguments[0]),
        Operators.Conditional => new ConditionalNode(arguments[0], arguments[1], arguments[2]),
        Operators.Index => new IndexNode(arguments[0], arguments[1]),
        Operators.OptionalIndex => new OptionalIndexNode(arguments[0], arguments[1]),
        Operators.In when arguments[1] is ConstantNode { Value.Kind: CelKind.List } list =>
            InConstant(arguments[0], [.. Elements(list.Value.ListValue)]),
        Operators.In => new InNode(arguments[0], arguments[1]),
        Operators.Equal => Equality<EqualTo>(call, arguments, wanted: true),
        Operators.NotEqual => Equality<NotEqualTo>(call, arguments, wanted: false),
        Operators.Less => Comparison<LessThan>(call, arguments),
        Operators.LessOrEqual => Comparison<LessOrEqualTo>(call, arguments),
        Operators.Greater => Comparison<GreaterThan>(call, arguments),
        Operators.GreaterOrEqual => Comparison<GreaterOrEqualTo>(call, arguments),
        Operators.Add => Arithmetic<Addition>(call, arguments),
        Operators.Subtract => Arithmetic<Subtraction>(call, arguments),
        Operators.Multiply => Arithmetic<Multiplication>(call, arguments),
        Operators.Divide => Arithmetic<Division>(call, arguments),
        Operators.Modulo when Both(call, CelTypeKind.Int) => new IntArithmeticNode<Remainder>(arguments[0], arguments[1]),
        _ => null,
    };

    private static TestNode InConstant(Node element, CelValue[] elements) => elements.All(value => value.Kind == CelKind.String)
        ? new InStringsNode(element, elements.Select(value => value.StringValue))
        : new InConstantNode(element, elements);

    private static IEnumerable<CelValue> Elements(CelList list)
    {
        for (int index = 0; index < list.Count; index++)
        {
            yield return list[index];
        }
    }

    private bool Both(CelExpr.Call call, CelTypeKind kind) =>
        _tree.TypeOf(call.Arguments[0]).Kind == kind && _tree.TypeOf(call.Arguments[1]).Kind == kind;

    private Node? Arithmetic<TOperator>(CelExpr.Call call, Node[] arguments)
        where TOperator : struct, IArithmetic
    {
        if (Both(call, CelTypeKind.Int))
        {
            return new IntArithmeticNode<TOperator>(arguments[0], arguments[1]);
        }

        return Both(call, CelTypeKind.Double) ? new DoubleArithmeticNode<TOperator>(arguments[0], arguments[1]) : null;
    }

    private TestNode Equality<TComparison>(CelExpr.Call call, Node[] arguments, bool wanted)
        where TComparison : struct, IComparison
    {
        if (TypedComparison<TComparison>(call, arguments) is TestNode typed)
        {
            return typed;
        }

        return arguments[1] is ConstantNode { Value.Kind: CelKind.String } constant
            ? new StringConstantEqualityNode(arguments[0], constant.Value.StringValue, wanted)
            : new EqualityNode(arguments[0], arguments[1], wanted);
    }

    private TestNode Comparison<TComparison>(CelExpr.Call call, Node[] arguments)
        where TComparison : struct, IComparison =>
        TypedComparison<TComparison>(call, arguments) ?? new OrderNode<TComparison>(arguments[0], arguments[1], call.Function);

    private TestNode? TypedComparison<TComparison>(CelExpr.Call call, Node[] arguments)
        where TComparison : struct, IComparison
    {
        if (Both(call, CelTypeKind.Int))
        {
            return arguments[1] is ConstantNode { Value.Kind: CelKind.Int } constant
                ? new IntConstantComparisonNode<TComparison>(arguments[0], constant.Value.IntValue)
                : new IntComparisonNode<TComparison>(arguments[0], arguments[1]);
        }

        if (Both(call, CelTypeKind.Double))
        {
            return arguments[1] is ConstantNode { Value.Kind: CelKind.Double } constant
                ? new DoubleConstantComparisonNode<TComparison>(arguments[0], constant.Value.DoubleValue)
                : new DoubleComparisonNode<TComparison>(arguments[0], arguments[1]);
        }

        return null;
    }
}
