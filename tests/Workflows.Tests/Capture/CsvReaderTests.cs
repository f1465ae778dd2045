using System.Text;
using CsCheck;
using PipeRoll.Workflows.Capture;

namespace PipeRoll.Workflows.Tests.Capture;

public class CsvReaderTests
{
    [Theory]
    [InlineData("a,b\n1,2\n", "1|2")]
    [InlineData("a,b\r\n1,2\r\n", "1|2")]
    [InlineData("\uFEFFa,b\n1,2", "1|2")]
    [InlineData("a,b\n\"x,y\",\"he said \"\"no\"\"\"\n", "x,y|he said \"no\"")]
    [InlineData("a,b\n\"line 1\nline 2\",z\n", "line 1\nline 2|z")]
    [InlineData("a,b\r\n\"line 1\r\nline 2\",z\r\n", "line 1\r\nline 2|z")]
    [InlineData("a,b\n,\n", "|")]
    [InlineData("a,b\n\"\",\"\"\n", "|")]
    [InlineData("a,b\n5\" disk,x\"y\n", "5\" disk|x\"y")]
    [InlineData("a,b\n\n  \n1,2\n\n", "1|2")]
    [InlineData("a,b\nä€😀,ß\n", "ä€😀|ß")]
    public void Whole_rows_are_read_as_rfc_4180_says(string file, string expected)
    {
        List<Row> rows = Rows(file);
        Assert.Equal(expected, string.Join('|', Assert.Single(rows).Fields!));
    }

    [Fact]
    public void A_row_of_another_width_is_reported_with_its_line_and_text_and_the_rest_goes_on()
    {
        List<Row> rows = Rows("a,b\n1,2\n3\n4,5,6\n7,8\n");
        Assert.Equal([2, 3, 4, 5], rows.Select(row => row.Line));
        Assert.Equal("1 fields where the header has 2", rows[1].Problem);
        Assert.Equal("3 fields where the header has 2", rows[2].Problem);
        Assert.Equal("4,5,6", rows[2].Raw);
        Assert.Equal(["7", "8"], rows[3].Fields!);
    }

    [Fact]
    public void A_quote_that_is_never_closed_costs_one_line()
    {
        List<Row> rows = Rows("a,b\n1,\"open\n2,x\n3,y\n");
        Assert.Equal(3, rows.Count);
        Assert.Equal((2L, "1,\"open", "field 2 opens a quote that is never closed"), (rows[0].Line, rows[0].Raw, rows[0].Problem));
        Assert.Equal(["2", "x"], rows[1].Fields!);
        Assert.Equal(["3", "y"], rows[2].Fields!);
    }

    [Fact]
    public void A_quote_that_swallows_a_later_quoted_row_gives_it_back()
    {
        List<Row> rows = Rows("a,b\n1,\"open\n2,\"x\"\n3,y\n");
        Assert.Equal("field 2 goes on after its closing quote", rows[0].Problem);
        Assert.Equal("1,\"open", rows[0].Raw);
        Assert.Equal(["2", "x"], rows[1].Fields!);
        Assert.Equal(["3", "y"], rows[2].Fields!);
    }

    [Fact]
    public void Text_after_a_closing_quote_breaks_the_row()
    {
        List<Row> rows = Rows("a,b\n\"x\"y,2\n3,4\n");
        Assert.Equal("field 1 goes on after its closing quote", rows[0].Problem);
        Assert.Equal(["3", "4"], rows[1].Fields!);
    }

    [Fact]
    public void A_row_that_is_not_utf8_is_broken_and_no_other()
    {
        byte[] file = [.. "a,b\n1,"u8, 0xC3, 0x28, .. "\n3,4\n"u8];
        List<Row> rows = Rows(file);
        Assert.Equal("the row is not valid UTF-8", rows[0].Problem);
        Assert.Equal(["3", "4"], rows[1].Fields!);
    }

    [Fact]
    public void A_line_longer_than_the_bound_is_broken_and_no_other()
    {
        List<Row> rows = Rows("a,b\n1," + new string('x', LineSource.LineBytesMax + 10) + "\n3,4\n");
        Assert.StartsWith("the row is longer", rows[0].Problem);
        Assert.Equal(["3", "4"], rows[1].Fields!);
        Assert.Equal(3, rows[1].Line);
    }

    [Fact]
    public void Names_of_the_header_become_unique()
    {
        var csv = new CsvReader(Lines("x,,x, y \n"u8.ToArray()), ',');
        Assert.Equal(["x", "column2", "x_2", "y"], csv.ReadHeader()!);
    }

    [Fact]
    public void What_a_writer_quotes_is_read_back_whatever_it_is()
    {
        Gen<string> cell = Gen.String[Gen.Char["ab,;\"\n\r \t€"], 0, 12];
        Gen.Select(cell.Array[3].List[1, 20], Gen.Bool, Gen.Bool.Select(crlf => crlf ? "\r\n" : "\n")).Sample((table, quoteAll, newline) =>
        {
            var file = new StringBuilder("c1,c2,c3" + newline);
            foreach (string[] row in table)
            {
                file.AppendJoin(',', row.Select(text => Quoted(text, quoteAll))).Append(newline);
            }

            List<Row> read = Rows(file.ToString());
            string[][] expected = table.Where(row => quoteAll || !IsBlankLine(row)).ToArray();
            Assert.All(read, row => Assert.Null(row.Problem));
            Assert.Equal(expected, read.Select(row => row.Fields!));
        });
    }

    [Fact]
    public void Garbage_never_throws_and_every_line_is_accounted_for()
    {
        Gen.Byte.Array[0, 400].Sample(garbage =>
        {
            byte[] file = [.. "a,b\n"u8, .. garbage.Select(b => b % 5 == 0 ? (byte)'"' : b % 7 == 0 ? (byte)'\n' : b)];
            List<Row> rows = Rows(file);
            Assert.All(rows, row => Assert.True(row.Problem is null ? row.Fields!.Length == 2 : row.Raw.Length >= 0));
            Assert.Equal(rows.Select(row => row.Line).Order(), rows.Select(row => row.Line));
        });
    }

    private static bool IsBlankLine(string[] row) => row.All(string.IsNullOrEmpty) && row.Length == 1;

    private static string Quoted(string text, bool always) =>
        always || text.AsSpan().IndexOfAny(",\"\n\r") >= 0 ? $"\"{text.Replace("\"", "\"\"")}\"" : text;

    private static LineSource Lines(byte[] file) => new(new MemoryStream(file));

    private static List<Row> Rows(string file) => Rows(Encoding.UTF8.GetBytes(file));

    private static List<Row> Rows(byte[] file)
    {
        var csv = new CsvReader(Lines(file), ',');
        Assert.NotNull(csv.ReadHeader());
        var rows = new List<Row>();
        while (csv.Next())
        {
            string[]? fields = csv.Problem is null
                ? Enumerable.Range(0, csv.FieldCount).Select(index => Encoding.UTF8.GetString(csv.Field(index))).ToArray()
                : null;
            rows.Add(new Row(csv.LineNumber, fields, csv.Problem, Encoding.UTF8.GetString(csv.Raw.Span)));
        }

        return rows;
    }

    private sealed record Row(long Line, string[]? Fields, string? Problem, string Raw);
}
