using System.Text;

namespace PipeRoll.Schemas;

/// <summary>The words of a field's name: <c>sourceNodeId</c>, <c>source_node_id</c> and <c>SOURCE-NODE-ID</c> are the same three.</summary>
internal static class NameWords
{
    public static IReadOnlyList<string> Split(string name)
    {
        List<string> words = [];
        StringBuilder word = new();
        for (int index = 0; index < name.Length; index++)
        {
            char letter = name[index];
            if (!char.IsLetterOrDigit(letter))
            {
                End(words, word);
                continue;
            }

            bool startsHump = char.IsUpper(letter) && index > 0 && char.IsLower(name[index - 1]);
            bool endsAcronym = char.IsUpper(letter) && index > 0 && char.IsUpper(name[index - 1])
                && index + 1 < name.Length && char.IsLower(name[index + 1]);
            if (startsHump || endsAcronym)
            {
                End(words, word);
            }

            word.Append(char.ToLowerInvariant(letter));
        }

        End(words, word);
        return words;
    }

    private static void End(List<string> words, StringBuilder word)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString());
            word.Clear();
        }
    }
}
