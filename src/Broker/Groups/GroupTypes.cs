namespace PipeRoll.Broker.Groups;

/// <summary>The kinds of group by the words that ListGroups uses, as Kafka's coordinator writes them.</summary>
internal static class GroupTypes
{
    public const string Classic = "classic";
    public const string Consumer = "consumer";
    public const string Share = "share";
}
