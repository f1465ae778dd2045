using System.Globalization;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>Which text is a default of which type.</summary>
internal static class Defaults
{
    public static bool Fits(Field field)
    {
        string text = field.Default!;
        if (text == "null")
        {
            return field.IsNullable;
        }

        return !field.Type.IsArray && field.Type.Kind switch
        {
            Kind.Bool => text is "true" or "false",
            Kind.Int8 => sbyte.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            Kind.Int16 => short.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            Kind.UInt16 => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _),
            Kind.Int32 => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            Kind.Int64 => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _),
            _ => false,
        };
    }
}
