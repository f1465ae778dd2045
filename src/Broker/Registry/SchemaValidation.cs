using PipeRoll.Broker.Configs;

namespace PipeRoll.Broker.Registry;

/// <summary>How a subject is named.</summary>
internal enum SubjectStrategy
{
    Topic,
    Record,
    TopicRecord,
}

/// <summary>The strategies by the names of Confluent's classes, which stand in topic configs.</summary>
internal static class SubjectStrategies
{
    public const string Default = Prefix + "TopicNameStrategy";

    private const string Prefix = "io.confluent.kafka.serializers.subject.";

    public static readonly string[] Names = [Default, Prefix + "RecordNameStrategy", Prefix + "TopicRecordNameStrategy"];

    public static SubjectStrategy Find(string name) => (SubjectStrategy)Array.IndexOf(Names, name);

    /// <param name="record">Null when the record has no name.</param>
    /// <returns>Null when the strategy wants a name and there is none.</returns>
    public static string? Subject(SubjectStrategy strategy, string topic, bool isKey, string? record) => strategy switch
    {
        SubjectStrategy.Topic => topic + (isKey ? "-key" : "-value"),
        _ when record is null => null,
        SubjectStrategy.Record => record,
        _ => $"{topic}-{record}",
    };
}

/// <summary>What a topic asks of the schemas of its records. Immutable.</summary>
/// <param name="Key">How the subject of keys is named; null: keys are not looked at.</param>
/// <param name="Value">How the subject of values is named; null: values are not looked at.</param>
/// <param name="IsFull">The bytes behind the id are looked at too.</param>
/// <param name="DeadLetterTopic">Where records go that fail: null refuses their batch, empty stands for the topic's name with .dlq behind it.</param>
internal sealed record SchemaValidation(SubjectStrategy? Key, SubjectStrategy? Value, bool IsFull, string? DeadLetterTopic)
{
    private const string DeadLetterSuffix = ".dlq";

    /// <param name="value">The value of a topic config.</param>
    public static SchemaValidation? Of(Func<string, string> value)
    {
        bool ofValue = value(TopicConfigs.ValueSchemaValidation) == "true";
        bool ofKey = value(TopicConfigs.KeySchemaValidation) == "true";
        return !ofValue && !ofKey ? null : new SchemaValidation(
            ofKey ? SubjectStrategies.Find(value(TopicConfigs.KeySubjectStrategy)) : null,
            ofValue ? SubjectStrategies.Find(value(TopicConfigs.ValueSubjectStrategy)) : null,
            value(TopicConfigs.SchemaValidationMode) == "full",
            value(TopicConfigs.SchemaValidationAction) == "dead-letter" ? value(TopicConfigs.DeadLetterTopic) : null);
    }

    /// <summary>Null when the batch is to be refused; never the topic itself.</summary>
    public string? DeadLettersOf(string topic)
    {
        string? letters = DeadLetterTopic is { Length: 0 } ? topic + DeadLetterSuffix : DeadLetterTopic;
        return letters == topic ? null : letters;
    }
}
