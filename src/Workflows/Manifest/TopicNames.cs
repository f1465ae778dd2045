namespace PipeRoll.Workflows.Manifest;

/// <summary>Kafka's rule for topic names: 1 to 249 of letters, digits, '.', '_', '-', and not "." or "..".</summary>
internal static class TopicNames
{
    public static bool IsLegal(string name) =>
        name.Length is > 0 and <= 249 && name is not ("." or "..") && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    public static string Advice(string name) => $"'{name}' cannot name a topic: use 1 to 249 letters, digits, '.', '_' and '-'";
}
