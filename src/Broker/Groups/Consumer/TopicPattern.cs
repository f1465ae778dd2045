using System.Text.RegularExpressions;

namespace PipeRoll.Broker.Groups.Consumer;

/// <summary>
/// A regular expression over whole topic names, matched in linear time: no look-around and no back-references, as in RE2, which Kafka uses.
/// </summary>
internal sealed class TopicPattern
{
    /// <summary>A pattern is compared with every topic by the coordinator.</summary>
    private const int LengthMax = 2_000;

    private readonly Regex _regex;

    private TopicPattern(Regex regex) => _regex = regex;

    /// <summary>Null when it is no such expression; the text says why.</summary>
    public static TopicPattern? TryCreate(string pattern, out string? problem)
    {
        problem = pattern.Length > LengthMax ? $"the expression has {pattern.Length} characters, {LengthMax} are allowed" : null;
        if (problem is not null)
        {
            return null;
        }

        try
        {
            return new TopicPattern(new Regex(
                $@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture));
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            problem = error.Message;
            return null;
        }
    }

    public bool IsMatch(string topic) => _regex.IsMatch(topic);
}
