using System.Collections.Immutable;
using PipeRoll.Cel.Checking;

namespace PipeRoll.Cel.Compilation;

/// <param name="Root">The whole expression.</param>
/// <param name="LocalCount">How many locals a frame needs.</param>
internal sealed record CompiledProgram(Node Root, int LocalCount);

/// <summary>
/// Checked tree to nodes. Where both operands are known to be int or double the node is specialised for it; subtrees of
/// constants are evaluated once, here.
/// </summary>
internal sealed partial class Compiler
{
    private const long FoldingBudget = 100_000;
    private readonly CheckedTree _tree;

    private Compiler(CheckedTree tree) => _tree = tree;

    public static CompiledProgram Compile(CheckedTree tree) => new(new Compiler(tree).Visit(tree.Root), tree.LocalCount);

    private Node Visit(CelExpr node)
    {
        switch (_tree.Resolved(node))
        {
            case Resolution.Failure failure:
                return new ConstantNode(CelValue.Error(failure.Error));
            case Resolution.Constant constant:
                return new ConstantNode(constant.Value);
            case Resolution.Variable variable:
                return new VariableNode(variable.Slot);
            case Resolution.Local local:
                return new LocalNode(local.Index);
            default:
                break;
        }

        return node switch
        {
            CelExpr.Literal literal => new ConstantNode(literal.Value),
            CelExpr.Select select => VisitSelect(select),
            CelExpr.Call call => VisitCall(call),
            CelExpr.List list => VisitList(list),
            CelExpr.Map map => VisitMap(map),
            CelExpr.Struct made => VisitStruct(made),
            CelExpr.Comprehension comprehension => VisitComprehension(comprehension),
            CelExpr.Bind bind => new BindNode(LocalsOf(bind).First, Visit(bind.Value), Visit(bind.Body)),
            _ => throw new InvalidOperationException($"A tree with diagnostics must not be compiled ({node.GetType().Name})."),
        };
    }

    private Node[] VisitAll(ImmutableArray<CelExpr> nodes) => [.. nodes.Select(Visit)];

    private Resolution.Locals LocalsOf(CelExpr node) => (Resolution.Locals)_tree.Resolved(node)!;

    private static Node Folded(Node node, params ReadOnlySpan<Node> children)
    {
        foreach (Node child in children)
        {
            if (child is not ConstantNode)
            {
                return node;
            }
        }

        var frame = new Frame([], [], FoldingBudget);
        CelValue value = node.Evaluate(ref frame);
        return value.IsError && value.ErrorValue.Code == CelErrorCode.LimitExceeded ? node : new ConstantNode(value);
    }

    private Node VisitSelect(CelExpr.Select select)
    {
        Node operand = Visit(select.Operand);
        if (select.IsTest)
        {
            // has(a.?b) is has(a.b): both ask whether it is there.
            return Folded(new HasNode(operand, select.Field), operand);
        }

        if (select.IsOptional)
        {
            return Folded(new OptionalSelectNode(operand, select.Field), operand);
        }

        if (_tree.Resolved(select) is Resolution.Field field && _tree.TypeOf(select.Operand).Kind == CelTypeKind.Struct)
        {
            return operand is VariableNode variable
                ? new VariableFieldNode(variable.Slot, field.Type, field.Index)
                : new FieldNode(operand, field.Type, field.Index);
        }

        return Folded(new SelectNode(operand, select.Field), operand);
    }

    private Node VisitList(CelExpr.List list)
    {
        Node[] elements = VisitAll(list.Elements);
        return Folded(new ListNode(elements, [.. list.IsOptional]), elements);
    }

    private Node VisitMap(CelExpr.Map map)
    {
        Node[] keys = VisitAll(map.Keys);
        Node[] values = VisitAll(map.Values);
        return Folded(new MapNode(keys, values, [.. map.IsOptional]), [.. keys, .. values]);
    }

    private Node VisitStruct(CelExpr.Struct made)
    {
        var resolved = (Resolution.Struct)_tree.Resolved(made)!;
        Node[] values = VisitAll(made.Values);
        Node node = resolved.Type.Message is { } message
            ? new MessageNode(message, [.. resolved.Fields], values, [.. made.IsOptional])
            : new StructNode(resolved.Type, [.. resolved.Fields], values, [.. made.IsOptional]);
        return Folded(node, values);
    }

    private Node VisitComprehension(CelExpr.Comprehension node)
    {
        Resolution.Locals locals = LocalsOf(node);
        var loop = new Loop(Visit(node.Range), locals.First, locals.Second);
        Node? filter = node.Filter is null ? null : Visit(node.Filter);
        Node body = Visit(node.Body);
        return node.Macro switch
        {
            CelMacro.All => new QuantifierNode(loop, body, isAll: true),
            CelMacro.Exists => new QuantifierNode(loop, body, isAll: false),
            CelMacro.ExistsOne => new ExistsOneNode(loop, body),
            CelMacro.Filter => new CollectNode(loop, body, null),
            CelMacro.Map or CelMacro.TransformList => new CollectNode(loop, filter, body),
            CelMacro.TransformMap => new CollectMapNode(loop, filter, body, makesEntries: false),
            CelMacro.TransformMapEntry => new CollectMapNode(loop, filter, body, makesEntries: true),
            _ => new SortByNode(loop, body),
        };
    }
}
