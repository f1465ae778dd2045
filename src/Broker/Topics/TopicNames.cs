namespace PipeRoll.Broker.Topics;

/// <summary>Kafka's rules for topic names.</summary>
internal static class TopicNames
{
    public const int LengthMax = 249;

    /// <summary>Names that clients may neither create nor delete.</summary>
    public static bool IsInternal(string name) => name is "__consumer_offsets" or "__transaction_state" or "_piperoll.audit";

    /// <returns>Null when the name is good, else what is wrong with it.</returns>
    public static string? Validate(string name)
    {
        if (name.Length == 0)
        {
            return "the empty string is not allowed";
        }

        if (name is "." or "..")
        {
            return $"'{name}' is not allowed";
        }

        if (name.Length > LengthMax)
        {
            return $"the length of '{name[..32]}...' is {name.Length}, longer than the {LengthMax} characters allowed";
        }

        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return $"'{name}' contains a character other than ASCII letters, digits, '.', '_' and '-'";
            }
        }

        return null;
    }

    /// <summary>Names that differ only in '.' and '_' would have the same metrics, so Kafka lets only one of them exist.</summary>
    public static string CollisionKey(string name) => name.Replace('.', '_');
}
