namespace PipeRoll.Simulation.Streams;

/// <summary>One path through a tree of choices: the first ones are given, all later ones are the first of their alternatives.</summary>
internal sealed class ChoicePath(IReadOnlyList<int> given)
{
    private readonly List<(int Taken, int Of)> _choices = [];

    /// <returns>0 to <paramref name="alternatives"/> - 1.</returns>
    public int Next(int alternatives)
    {
        int taken = _choices.Count < given.Count ? given[_choices.Count] : 0;
        _choices.Add((taken, alternatives));
        return taken;
    }

    /// <summary>
    /// Runs every path, depth first.
    /// </summary>
    /// <param name="run">One run; it must make the same choices when it is given the same ones.</param>
    /// <returns>How many paths there are.</returns>
    public static int ForEach(Action<IReadOnlyList<int>, ChoicePath> run)
    {
        int paths = 0;
        IReadOnlyList<int>? given = [];
        while (given is not null)
        {
            var path = new ChoicePath(given);
            run(given, path);
            paths++;
            given = path.NextGiven();
        }

        return paths;
    }

    private List<int>? NextGiven()
    {
        int last = _choices.FindLastIndex(static c => c.Taken + 1 < c.Of);
        return last < 0 ? null : [.. _choices.Take(last).Select(static c => c.Taken), _choices[last].Taken + 1];
    }
}
