using System.Globalization;
using System.Text;

namespace PipeRoll.Policies.Screening;

/// <summary>Says in words, word for word, how a score came to be.</summary>
internal static class ScreeningText
{
    public static string Explain(ScreeningIndex index, NameScreener screener, ScreeningHit hit, ListEntry entry)
    {
        ScreenedName name = index.Names[hit.Name];
        ScreeningQuery query = screener.Query;
        screener.Alignment.Score(name);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{hit.Score / 10}.{hit.Score % 10} of 100 like '{name.Text}'");
        if (entry.Id != entry.Name)
        {
            text.Append(CultureInfo.InvariantCulture, $" (entry {entry.Id}{(name.Text == entry.Name ? "" : $", also known as, of '{entry.Name}'")})");
        }
        string separator = ": ";
        uint queryUsed = 0;
        uint listedUsed = 0;
        foreach (WordMatch match in screener.Alignment.Chosen.OrderBy(match => match.Query))
        {
            text.Append(separator).Append(WordText(index, query, name, match));
            separator = ", ";
            queryUsed |= (match.QueryWords == 1 ? 1u : 3u) << match.Query;
            listedUsed |= (match.ListedWords == 1 ? 1u : 3u) << match.Listed;
        }
        for (int i = 0; i < query.Words.Count; i++)
        {
            if ((queryUsed & (1u << i)) == 0)
            {
                text.Append(CultureInfo.InvariantCulture, $"{separator}{query.Words[i]} is not listed (-{query.Weights[i]})");
            }
        }
        for (int j = 0; j < name.Words.Length; j++)
        {
            if ((listedUsed & (1u << j)) == 0)
            {
                int weight = index.Weights[name.Words[j]];
                text.Append(CultureInfo.InvariantCulture, $"{separator}{index.Words[name.Words[j]]} is missing (-{weight}/2)");
            }
        }
        return text.ToString();
    }

    private static string WordText(ScreeningIndex index, ScreeningQuery query, ScreenedName name, WordMatch match)
    {
        string asked = string.Join(' ', query.Words.Skip(match.Query).Take(match.QueryWords));
        string listed = string.Join(' ', name.Words.Skip(match.Listed).Take(match.ListedWords).Select(word => index.Words[word]));
        string weight = string.Create(CultureInfo.InvariantCulture, $"weight {match.Weight}");
        return match.Alike switch
        {
            1_000 => $"{asked} ({weight})",
            ScreeningQuery.Initial => $"{asked} for {listed} (initial, {weight})",
            ScreeningQuery.Joined => $"{asked} for {listed} (written as one, {weight})",
            _ => string.Create(CultureInfo.InvariantCulture, $"{asked} for {listed} ({HowAlike(asked, listed)}{match.Alike / 10} %, {weight})"),
        };
    }

    private static string HowAlike(string asked, string listed) =>
        PhoneticKey.Of(asked) == PhoneticKey.Of(listed) ? "sounds alike, " : "";
}
