using System.Buffers.Text;
using static PipeRoll.Cel.CelOverload;

namespace PipeRoll.Cel.Functions;

/// <summary>Base64 (cel-go ext: encoders).</summary>
internal static class EncoderLibrary
{
    public static void AddTo(Library library)
    {
        library.Add("base64.encode", Static(CelType.Bytes, CelType.String, (in a) =>
            CelValue.String(Convert.ToBase64String(a.BytesValue))));
        library.Add("base64.decode", Static(CelType.String, CelType.Bytes, (in a) => Decode(a.StringValue)));
    }

    // With or without padding.
    private static CelValue Decode(string text)
    {
        string padded = text.Length % 4 == 0 ? text : text.PadRight(text.Length + 4 - (text.Length % 4), '=');
        return Base64.IsValid(padded) && !text.Any(char.IsWhiteSpace)
            ? CelValue.Bytes(Convert.FromBase64String(padded))
            : CelValue.Error(CelErrorCode.BadArgument, "this text is not base64");
    }
}
