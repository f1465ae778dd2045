using System.Globalization;
using System.Reflection;

namespace PipeRoll.Server.Hosting;

/// <summary>
/// Sets the properties of an options record from settings by name: <c>upload.bytes</c> for <c>UploadBytes</c>. Durations are
/// written with their unit (<c>500ms</c>, <c>60s</c>, <c>5m</c>, <c>2h</c>).
/// </summary>
public static class OptionsBinder
{
    /// <param name="targets">Fresh copies, which are changed; a name is looked for in each of them in turn.</param>
    /// <param name="values">Settings by name.</param>
    /// <param name="aliases">Other names of properties, such as Kafka's own.</param>
    /// <param name="section">How the user calls this group of settings.</param>
    /// <param name="problems">One line for each setting that is unknown or of the wrong form.</param>
    public static void Bind(
        IReadOnlyList<object> targets, IReadOnlyDictionary<string, string> values, IReadOnlyDictionary<string, string> aliases, string section,
        List<string> problems)
    {
        var properties = new Dictionary<string, (object Target, PropertyInfo Property)>(StringComparer.Ordinal);
        foreach (object target in targets)
        {
            foreach (PropertyInfo property in target.GetType().GetProperties().Where(property => property.CanWrite && CanParse(property.PropertyType)))
            {
                properties.TryAdd(Dotted(property.Name), (target, property));
            }
        }

        foreach ((string name, string value) in values)
        {
            if (!properties.TryGetValue(aliases.GetValueOrDefault(name, name), out (object Target, PropertyInfo Property) setting))
            {
                string nearest = properties.Keys.Concat(aliases.Keys).MinBy(known => Distance(known, name)) ?? "";
                problems.Add($"{section}: no setting is called '{name}'; did you mean '{nearest}'?");
            }
            else if (Parse(setting.Property.PropertyType, value) is { } parsed)
            {
                setting.Property.SetValue(setting.Target, parsed);
            }
            else
            {
                problems.Add($"{section}: {name} is '{value}'; give {Expected(setting.Property.PropertyType)}");
            }
        }
    }

    private static bool CanParse(Type type) =>
        type == typeof(int) || type == typeof(long) || type == typeof(bool) || type == typeof(string) || type == typeof(TimeSpan);

    private static string Dotted(string name) =>
        string.Concat(name.Select((letter, i) => i > 0 && char.IsUpper(letter) ? $".{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));

    private static object? Parse(Type type, string value)
    {
        if (type == typeof(int))
        {
            return int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;
        }

        if (type == typeof(long))
        {
            return long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? number : null;
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(value, out bool truth) ? truth : null;
        }

        return type == typeof(TimeSpan) ? ParseDuration(value) : value;
    }

    private static object? ParseDuration(string value)
    {
        string digits = value.TrimEnd('m', 's', 'h');
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long count))
        {
            return null;
        }

        return value[digits.Length..] switch
        {
            "ms" => TimeSpan.FromMilliseconds(count),
            "s" => TimeSpan.FromSeconds(count),
            "m" => TimeSpan.FromMinutes(count),
            "h" => TimeSpan.FromHours(count),
            _ => null,
        };
    }

    private static string Expected(Type type)
    {
        if (type == typeof(bool))
        {
            return "true or false";
        }

        return type == typeof(TimeSpan) ? "a duration such as 500ms, 60s, 5m or 2h" : "a whole number";
    }

    // Levenshtein distance: names are short and wrong ones rare.
    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int substituted = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[right.Length];
    }
}
