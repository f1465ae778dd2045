namespace PipeRoll.Policies;

/// <summary>What a list says about a name.</summary>
/// <param name="Score">0 to 100, rounded down; 0 if no name of the list reaches its threshold.</param>
/// <param name="Id">The best entry's id; empty if there is none.</param>
/// <param name="Name">The best entry's primary name.</param>
/// <param name="Matched">The name of that entry that matched, an alias perhaps.</param>
/// <param name="Count">How many entries reach the threshold.</param>
/// <param name="Explanation">In words, word for word; empty if there is nothing to explain.</param>
public sealed record NameScreening(int Score, string Id, string Name, string Matched, int Count, string Explanation)
{
    /// <summary>Nothing on the list is like the name.</summary>
    public static NameScreening None { get; } = new(0, "", "", "", 0, "");

    /// <summary>Whether the name is on the list.</summary>
    public bool IsListed => Count > 0;
}
