using System.Globalization;
using System.Text.Json;

namespace PipeRoll.Load;

/// <summary>What was measured, one row a figure: printed as it comes, kept for the JSON file.</summary>
internal sealed class Report
{
    private readonly List<Row> _rows = [];

    /// <param name="target">What the design asks for, or null where it asks for nothing.</param>
    public void Add(string benchmark, string figure, double value, string unit, string? target = null)
    {
        _rows.Add(new Row(benchmark, figure, value, unit, target));
        string text = value.ToString(Math.Abs(value) >= 100 ? "N0" : "0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"{benchmark,-14} {figure,-58} {text,12} {unit,-12} {(target is null ? "" : "target " + target)}");
    }

    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(_rows, JsonSerializerOptions.Web));

    private sealed record Row(string Benchmark, string Figure, double Value, string Unit, string? Target);
}
