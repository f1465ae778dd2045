using System.Text;

namespace PipeRoll.Policies.Tests.Lists;

public class ListFormatTests
{
    private const string OfacXml = """
        <?xml version="1.0" standalone="yes"?>
        <sdnList xmlns="http://tempuri.org/sdnList.xsd">
          <publshInformation><Publish_Date>01/02/2026</Publish_Date><Record_Count>2</Record_Count></publshInformation>
          <sdnEntry><uid>36</uid><lastName>AEROCARIBBEAN AIRLINES</lastName><sdnType>Entity</sdnType>
            <programList><program>CUBA</program></programList>
            <akaList><aka><uid>12</uid><type>a.k.a.</type><category>strong</category><lastName>AERO-CARIBBEAN</lastName></aka></akaList>
          </sdnEntry>
          <sdnEntry><uid>2674</uid><firstName>Abu</firstName><lastName>ABBAS</lastName><sdnType>Individual</sdnType>
            <remarks>DOB 10 Dec 1948</remarks>
            <programList><program>SDGT</program><program>NS-PLC</program></programList>
            <akaList><aka><uid>1</uid><firstName>Muhammad</firstName><lastName>ZAYDAN</lastName></aka></akaList>
          </sdnEntry>
        </sdnList>
        """;

    private const string UnXml = """
        <CONSOLIDATED_LIST dateGenerated="2026-01-01T00:00:00Z">
          <INDIVIDUALS><INDIVIDUAL><DATAID>6908555</DATAID><FIRST_NAME>RI</FIRST_NAME><SECOND_NAME>WON HO</SECOND_NAME>
            <UN_LIST_TYPE>DPRK</UN_LIST_TYPE><REFERENCE_NUMBER>KPi.033</REFERENCE_NUMBER><COMMENTS1>An official.</COMMENTS1>
            <INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Lee Won Ho</ALIAS_NAME></INDIVIDUAL_ALIAS>
            <INDIVIDUAL_DATE_OF_BIRTH><DATE>1964-07-17</DATE></INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL></INDIVIDUALS>
          <ENTITIES><ENTITY><DATAID>1</DATAID><FIRST_NAME>GREEN PINE</FIRST_NAME><UN_LIST_TYPE>DPRK</UN_LIST_TYPE>
            <REFERENCE_NUMBER>KPe.010</REFERENCE_NUMBER><ENTITY_ALIAS><ALIAS_NAME>CHO'NGSONG</ALIAS_NAME></ENTITY_ALIAS></ENTITY></ENTITIES>
        </CONSOLIDATED_LIST>
        """;

    [Fact]
    public void OfacXmlIsRead()
    {
        ListDocument list = Read(OfacXml, ListFormat.OfacXml);
        Assert.Equal(ListFormat.OfacXml, ListFormats.Guess(Encoding.UTF8.GetBytes(OfacXml)));
        Assert.Equal(
            [
                new ListEntry("2674", "ABBAS, Abu", ["ZAYDAN, Muhammad"], "individual", "SDGT; NS-PLC", "DOB 10 Dec 1948"),
                new ListEntry("36", "AEROCARIBBEAN AIRLINES", ["AERO-CARIBBEAN"], "entity", "CUBA", ""),
            ],
            list.Entries);
    }

    [Fact]
    public void UnXmlIsRead()
    {
        ListDocument list = Read(UnXml, ListFormat.UnXml);
        Assert.Equal(ListFormat.UnXml, ListFormats.Guess(Encoding.UTF8.GetBytes(UnXml)));
        Assert.Equal(
            [
                new ListEntry("KPe.010", "GREEN PINE", ["CHO'NGSONG"], "entity", "DPRK", ""),
                new ListEntry("KPi.033", "RI WON HO", ["Lee Won Ho"], "individual", "DPRK", "An official."),
            ],
            list.Entries);
    }

    [Fact]
    public void OfacCsvIsReadWithItsAliases()
    {
        const string Sdn = "36,\"AEROCARIBBEAN AIRLINES\",-0- ,\"CUBA\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n"
            + "4234,\"HERMANN\",\"vessel\",\"CUBA\",-0- ,\"CL2685\",\"Cargo\",-0- ,\"1098\",\"Cuba\",-0- ,\"a \"\"b\"\".\"\r\n\u001a";
        const string Alt = "36,12,\"aka\",\"AERO-CARIBBEAN\",-0- \r\n\u001a";
        using Stream aliases = Bytes(Alt);
        ListDocument list = ListFile.Read(Bytes(Sdn), aliases, new ListFileOptions(ListFormat.OfacCsv));
        Assert.Equal(ListFormat.OfacCsv, ListFormats.Guess(Encoding.UTF8.GetBytes(Sdn)));
        Assert.Equal(
            [
                new ListEntry("36", "AEROCARIBBEAN AIRLINES", ["AERO-CARIBBEAN"], "entity", "CUBA", ""),
                new ListEntry("4234", "HERMANN", [], "vessel", "CUBA", "CL2685 | Cargo | 1098 | Cuba | a \"b\"."),
            ],
            list.Entries);
    }

    [Fact]
    public void JsonAndCsvSayTheSame()
    {
        const string Json = """{"entries":[{"id":7,"name":"Ann Lee","aliases":["Anna Lee","A. Lee","Ann Lee"]},"Bob Ray"]}""";
        const string Csv = "nr,who,others\n7,Ann Lee,A. Lee; Anna Lee\nBob Ray,Bob Ray,\n";
        var options = new ListFileOptions(ListFormat.Csv) { NameColumn = "who", IdColumn = "nr", AliasColumn = "others" };
        ListDocument fromCsv = ListFile.Read(Bytes(Csv), null, options);
        ListDocument fromJson = Read(Json, ListFormat.Json);
        Assert.Equal(fromJson.Entries, fromCsv.Entries);
        Assert.Equal(fromJson.Hash, fromCsv.Hash);
        Assert.Equal(4, fromCsv.NameCount);
    }

    [Fact]
    public void HashIsOfTheContentAndNotOfTheOrder()
    {
        Assert.Equal(Read("""["a","b"]""", ListFormat.Json).Hash, Read("b\n# c\na\na\n", ListFormat.Lines).Hash);
        Assert.NotEqual(Read("a\nb", ListFormat.Lines).Hash, Read("a\nc", ListFormat.Lines).Hash);
    }

    [Theory]
    [InlineData("<!DOCTYPE x [<!ENTITY a 'b'>]><sdnList>&a;</sdnList>", ListFormat.OfacXml, "DTD")]
    [InlineData("<sdnList><sdnEntry><uid>1</uid>", ListFormat.OfacXml, "XML")]
    [InlineData("<CONSOLIDATED_LIST/>", ListFormat.OfacXml, "<CONSOLIDATED_LIST>, not <sdnList>")]
    [InlineData("<html><body>Moved</body></html>", ListFormat.UnXml, "<html>")]
    [InlineData("""{"name":"x"}""", ListFormat.Json, "no array")]
    [InlineData("""[{"id":"1"}]""", ListFormat.Json, "no `name`")]
    [InlineData("""["a",""", ListFormat.Json, "not JSON")]
    [InlineData("name\nAnn", ListFormat.OfacCsv, "1 columns")]
    [InlineData("name\n\"a", ListFormat.Csv, "never closed")]
    public void BrokenFilesAreRefusedInWords(string text, ListFormat format, string message) =>
        Assert.Contains(message, Assert.Throws<ListFileException>(() => Read(text, format)).Message);

    [Fact]
    public void DeepXmlIsRefused()
    {
        string deep = $"<sdnList>{string.Concat(Enumerable.Repeat("<a>", 100))}{string.Concat(Enumerable.Repeat("</a>", 100))}</sdnList>";
        Assert.Contains("deeper", Assert.Throws<ListFileException>(() => Read(deep, ListFormat.OfacXml)).Message);
    }

    [Fact]
    public void DifferenceNamesWhatChanged()
    {
        ListDocument before = Read("""[{"id":"1","name":"a"},{"id":"2","name":"b"},{"id":"10","name":"c","aliases":["d"]}]""", ListFormat.Json);
        ListDocument after = Read("""[{"id":"1","name":"a"},{"id":"3","name":"e"},{"id":"10","name":"c","aliases":["f"],"remarks":"r"}]""", ListFormat.Json);
        var difference = ListDifference.Between(before, after);
        Assert.Equal("3", Assert.Single(difference.Added).Id);
        Assert.Equal("2", Assert.Single(difference.Removed).Id);
        AlteredEntry altered = Assert.Single(difference.Altered);
        Assert.Equal(["aliases", "remarks"], altered.Fields);
        Assert.True(altered.ChangesNames);
        Assert.Equal(["d"], altered.Before.Aliases);
    }

    private static ListDocument Read(string text, ListFormat format) => ListFile.Read(Bytes(text), null, new ListFileOptions(format));

    private static MemoryStream Bytes(string text) => new(Encoding.UTF8.GetBytes(text));
}
