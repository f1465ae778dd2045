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
    /// <param name="values">Settings by name; a value that is wrong is named with its place.</param>
    /// <param name="aliases">Other names of properties, such as Kafka's own.</param>
    /// <param name="section">How the user calls this group of settings.</param>
    /// <param name="problems">One line for each setting that is unknown or of the wrong form.</param>
    public static void Bind(
        IReadOnlyList<object> targets, IReadOnlyDictionary<string, SettingValue> values, IReadOnlyDictionary<string, string> aliases,
        string section, List<string> problems)
    {
        Dictionary<string, (object Target, PropertyInfo Property)> properties = Properties(targets);
        foreach ((string name, SettingValue value) in values)
        {
            if (!properties.TryGetValue(aliases.GetValueOrDefault(name, name), out (object Target, PropertyInfo Property) setting))
            {
                string nearest = properties.Keys.Concat(aliases.Keys).MinBy(known => Distance(known, name)) ?? "";
                problems.Add($"{value.Origin}: {section}: no setting is called '{name}'; did you mean '{nearest}'?");
                continue;
            }

            Type type = Nullable.GetUnderlyingType(setting.Property.PropertyType) ?? setting.Property.PropertyType;
            if (Parse(type, value.Value) is { } parsed)
            {
                setting.Property.SetValue(setting.Target, parsed);
            }
            else
            {
                problems.Add($"{value.Origin}: {section}: {name} is '{value.Value}'; give {Expected(type)}");
            }
        }
    }

    /// <summary>The names that <see cref="Bind"/> knows for these records.</summary>
    public static IReadOnlyCollection<string> Names(IReadOnlyList<object> targets) => Properties(targets).Keys;

    /// <summary>
    /// Says what a record's validation found in the user's words: its property's name becomes the setting's, with the place where the
    /// setting was given.
    /// </summary>
    /// <param name="problem">Begins with the property's name where it is about one: <c>UploadBytes is 0: ...</c>.</param>
    public static string Locate(
        string problem, IReadOnlyList<object> targets, IReadOnlyDictionary<string, SettingValue> values, IReadOnlyDictionary<string, string> aliases,
        string section)
    {
        string property = new([.. problem.TakeWhile(char.IsAsciiLetterOrDigit)]);
        string dotted = Dotted(property);
        if (property.Length == 0 || !Properties(targets).ContainsKey(dotted))
        {
            return $"{section}: {problem}";
        }

        foreach ((string name, SettingValue value) in values)
        {
            if (aliases.GetValueOrDefault(name, name) == dotted)
            {
                return $"{value.Origin}: {section}: {name}{problem[property.Length..]}";
            }
        }

        return $"{section}: {dotted}{problem[property.Length..]}";
    }

    private static Dictionary<string, (object Target, PropertyInfo Property)> Properties(IReadOnlyList<object> targets)
    {
        var properties = new Dictionary<string, (object Target, PropertyInfo Property)>(StringComparer.Ordinal);
        foreach (object target in targets)
        {
            foreach (PropertyInfo property in target.GetType().GetProperties().Where(property => property.CanWrite && CanParse(property.PropertyType)))
            {
                properties.TryAdd(Dotted(property.Name), (target, property));
            }
        }

        return properties;
    }

    private static bool CanParse(Type declared)
    {
        Type type = Nullable.GetUnderlyingType(declared) ?? declared;
        return type == typeof(int) || type == typeof(long) || type == typeof(double) || type == typeof(bool) || type == typeof(string)
            || type == typeof(TimeSpan) || type.IsEnum;
    }

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

        if (type == typeof(double))
        {
            return double.TryParse(value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
                ? number
                : null;
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(value, out bool truth) ? truth : null;
        }

        if (type.IsEnum)
        {
            return value.Length > 0 && char.IsAsciiLetter(value[0]) && Enum.TryParse(type, value, ignoreCase: true, out object? member) ? member : null;
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

        if (type.IsEnum)
        {
            return string.Join(" or ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()));
        }

        if (type == typeof(double))
        {
            return "a number";
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
