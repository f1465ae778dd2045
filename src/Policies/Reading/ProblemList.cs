namespace PipeRoll.Policies.Reading;

/// <summary>Gathers what is wrong, so that an author sees every problem at once.</summary>
internal sealed class ProblemList(string file)
{
    private readonly List<PolicyProblem> _problems = [];

    public bool Any => _problems.Count > 0;

    public void Add(YamlNode node, string message, string hint) => Add(node.Line, node.Column, message, hint);

    public void Add(int line, int column, string message, string hint) => AddIn(file, line, column, message, hint);

    public void AddIn(string otherFile, int line, int column, string message, string hint) =>
        _problems.Add(new PolicyProblem(otherFile, line, column, message, hint));

    /// <exception cref="PolicyException">There is a problem.</exception>
    public void ThrowIfAny()
    {
        if (Any)
        {
            throw new PolicyException([.. _problems.OrderBy(p => p.File == file ? 0 : 1).ThenBy(p => p.Line).ThenBy(p => p.Column)]);
        }
    }
}
