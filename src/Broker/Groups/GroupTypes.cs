namespace PipeRoll.Broker.Groups;

/// <summary>The kinds of group by the words that ListGroups uses.</summary>
internal static class GroupTypes
{
    public const string Classic = "classic";
    public const string Consumer = "consumer";
    public const string Share = "share";

    /// <summary>As Kafka writes it.</summary>
    public static string Shown(string type) => char.ToUpperInvariant(type[0]) + type[1..];
}
