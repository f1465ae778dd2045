namespace PipeRoll.Policies;

/// <summary>What a window keeps, against the bounds of its <see cref="PolicyWindow"/>.</summary>
/// <param name="Window">Its name.</param>
/// <param name="Keys">Keys.</param>
/// <param name="Events">Events of all keys.</param>
/// <param name="Bytes">What they take, counted by content: the same on every machine.</param>
public sealed record WindowUsage(string Window, int Keys, long Events, long Bytes);
