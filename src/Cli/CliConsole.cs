using System.Text;
using System.Text.Json;

namespace PipeRoll.Cli;

/// <summary>Exit codes that scripts can trust.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command did its work and the answer is no, or something is wrong.</summary>
    public const int Failed = 1;

    /// <summary>The command line itself is wrong.</summary>
    public const int Usage = 2;

    /// <summary>No broker of the cluster answers.</summary>
    public const int Unreachable = 3;
}

/// <summary>Where a command reads and writes. Tests give their own.</summary>
public sealed class CliConsole(TextReader input, TextWriter output, TextWriter error)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static readonly JsonSerializerOptions Indented = new(Json) { WriteIndented = true };

    public TextReader Input => input;

    public TextWriter Output => output;

    public TextWriter Error => error;

    /// <summary>One value as JSON, indented unless it is one line of many.</summary>
    public void WriteJson(object value, bool isLine = false) => output.WriteLine(JsonSerializer.Serialize(value, isLine ? Json : Indented));

    /// <summary>Rows below a header, columns aligned.</summary>
    public void WriteTable(IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<IReadOnlyList<string>> all = [header, .. rows];
        int[] widths = [.. Enumerable.Range(0, header.Count).Select(column => all.Max(row => row[column].Length))];
        foreach (IReadOnlyList<string> row in all)
        {
            var line = new StringBuilder();
            for (int column = 0; column < row.Count; column++)
            {
                line.Append(row[column].PadRight(widths[column] + 2));
            }

            output.WriteLine(line.ToString().TrimEnd());
        }
    }
}
