using System.Globalization;

namespace PipeRoll.Streams.Metadata.Sql;

/// <summary>
/// Lists of whole numbers as SQL text, since the engines know no common list parameter. Numbers only, so there is nothing to escape.
/// </summary>
internal static class SqlText
{
    /// <summary>What is asked for in one statement.</summary>
    public const int IdsPerQuery = 500;

    public static string Row(params ReadOnlySpan<long> values)
    {
        var text = new System.Text.StringBuilder("(");
        for (int i = 0; i < values.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(values[i].ToString(CultureInfo.InvariantCulture));
        }

        return text.Append(')').ToString();
    }

    /// <summary>For <c>IN</c>: several numbers, at least one, in parentheses.</summary>
    public static string List(IEnumerable<long> values) => Row([.. values]);

    /// <summary>Distinct numbers in pieces of what one statement takes.</summary>
    public static IEnumerable<long[]> Chunks(IEnumerable<long> values) => values.Distinct().Chunk(IdsPerQuery);
}
