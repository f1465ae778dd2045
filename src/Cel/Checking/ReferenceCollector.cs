namespace PipeRoll.Cel.Checking;

/// <summary>Lists the variables and fields that a checked expression names.</summary>
internal static class ReferenceCollector
{
    public static IReadOnlyList<CelReference> Collect(CelEnvironment environment, CheckedTree tree)
    {
        var found = new List<CelReference>();
        Visit(environment, tree, tree.Root, [], found);
        return [.. found.OrderBy(reference => reference.Offset)];
    }

    // The fields are those selected from the node by its parents, innermost first.
    private static void Visit(CelEnvironment environment, CheckedTree tree, CelExpr node, string[] fields, List<CelReference> found)
    {
        if (tree.Resolved(node) is Resolution.Variable variable)
        {
            found.Add(new CelReference(environment.Variables[variable.Slot].Name, fields, node.Offset));
            return;
        }

        if (tree.Resolved(node) is Resolution.Constant)
        {
            return;
        }

        if (node is CelExpr.Select select)
        {
            Visit(environment, tree, select.Operand, [select.Field, .. fields], found);
            return;
        }

        bool skipsTarget = tree.Resolved(node) is Resolution.Function { UsesTarget: false };
        foreach (CelExpr child in node.Children)
        {
            if (!(skipsTarget && node is CelExpr.Call call && ReferenceEquals(child, call.Target)))
            {
                Visit(environment, tree, child, [], found);
            }
        }
    }
}
