using System.Text;

namespace PipeRoll.Policies.Tests.Lists;

/// <summary>The advanced form of the SDN list: words at the beginning, parties, programmes at the end.</summary>
public class OfacAdvancedXmlTests
{
    private const string Words = """
        <ReferenceValueSets>
          <PartyTypeValues><PartyType ID="1">Individual</PartyType><PartyType ID="2">Entity</PartyType><PartyType ID="4">Transport</PartyType></PartyTypeValues>
          <PartySubTypeValues>
            <PartySubType ID="1" PartyTypeID="4">Vessel</PartySubType>
            <PartySubType ID="3" PartyTypeID="2">Unknown</PartySubType>
            <PartySubType ID="4" PartyTypeID="1">Unknown</PartySubType>
          </PartySubTypeValues>
          <NamePartTypeValues>
            <NamePartType ID="1520">Last Name</NamePartType><NamePartType ID="1521">First Name</NamePartType><NamePartType ID="1522">Middle Name</NamePartType>
            <NamePartType ID="1525">Entity Name</NamePartType><NamePartType ID="1526">Vessel Name</NamePartType>
          </NamePartTypeValues>
          <FeatureTypeValues><FeatureType ID="8">Birthdate</FeatureType><FeatureType ID="224">Gender</FeatureType><FeatureType ID="504">Secondary sanctions risk:</FeatureType></FeatureTypeValues>
          <DetailReferenceValues><DetailReference ID="91526">Male</DetailReference></DetailReferenceValues>
          <SanctionsTypeValues><SanctionsType ID="1">Program</SanctionsType><SanctionsType ID="1705">Block</SanctionsType></SanctionsTypeValues>
        </ReferenceValueSets>
        """;

    private const string Person = """
        <DistinctParty FixedRef="2674"><Comment>Leader of a faction.</Comment><Profile ID="12" PartySubTypeID="4">
          <Identity ID="6746" Primary="true" False="false">
            <Alias AliasTypeID="1400" Primary="false" LowQuality="true"><DocumentedName ID="1">
              <DocumentedNamePart><NamePartValue NamePartGroupID="73" ScriptID="215">ZAYDAN</NamePartValue></DocumentedNamePart>
              <DocumentedNamePart><NamePartValue NamePartGroupID="74" ScriptID="215">Muhammad</NamePartValue></DocumentedNamePart>
            </DocumentedName></Alias>
            <Alias AliasTypeID="1403" Primary="true" LowQuality="false">
              <DocumentedName ID="2"><DocumentedNamePart><NamePartValue NamePartGroupID="72" ScriptID="215">Abu</NamePartValue></DocumentedNamePart>
                <DocumentedNamePart><NamePartValue NamePartGroupID="75" ScriptID="215">Khalid</NamePartValue></DocumentedNamePart>
                <DocumentedNamePart><NamePartValue NamePartGroupID="71" ScriptID="215">ABBAS</NamePartValue></DocumentedNamePart></DocumentedName>
              <DocumentedName ID="3"><DocumentedNamePart><NamePartValue NamePartGroupID="71" ScriptID="160">عباس</NamePartValue></DocumentedNamePart></DocumentedName>
            </Alias>
            <NamePartGroups>
              <MasterNamePartGroup><NamePartGroup ID="71" NamePartTypeID="1520"/></MasterNamePartGroup>
              <MasterNamePartGroup><NamePartGroup ID="72" NamePartTypeID="1521"/></MasterNamePartGroup>
              <MasterNamePartGroup><NamePartGroup ID="75" NamePartTypeID="1522"/></MasterNamePartGroup>
              <MasterNamePartGroup><NamePartGroup ID="73" NamePartTypeID="1520"/></MasterNamePartGroup>
              <MasterNamePartGroup><NamePartGroup ID="74" NamePartTypeID="1521"/></MasterNamePartGroup>
            </NamePartGroups>
          </Identity>
          <Feature ID="1" FeatureTypeID="8"><FeatureVersion><DatePeriod CalendarTypeID="1"><Start><From><Year>1948</Year><Month>2</Month><Day>10</Day></From>
            <To><Year>1948</Year><Month>12</Month><Day>31</Day></To></Start></DatePeriod></FeatureVersion></Feature>
          <Feature ID="2" FeatureTypeID="224"><FeatureVersion><VersionDetail DetailTypeID="1431" DetailReferenceID="91526"/></FeatureVersion></Feature>
          <Feature ID="3" FeatureTypeID="504"><FeatureVersion><VersionDetail DetailTypeID="1432">section 1(b)</VersionDetail></FeatureVersion></Feature>
        </Profile></DistinctParty>
        """;

    private const string Vessel = """
        <DistinctParty FixedRef="4238"><Profile ID="4238" PartySubTypeID="1"><Identity ID="1663" Primary="true">
          <Alias Primary="true"><DocumentedName><DocumentedNamePart><NamePartValue NamePartGroupID="9">MAR AZUL</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
          <NamePartGroups><MasterNamePartGroup><NamePartGroup ID="9" NamePartTypeID="1526"/></MasterNamePartGroup></NamePartGroups>
        </Identity></Profile></DistinctParty>
        """;

    private const string Company = """
        <DistinctParty FixedRef="36"><Profile ID="36" PartySubTypeID="3"><Identity ID="4" Primary="true">
          <Alias Primary="true"><DocumentedName><DocumentedNamePart><NamePartValue NamePartGroupID="23">AEROCARIBBEAN AIRLINES</NamePartValue></DocumentedNamePart></DocumentedName></Alias>
        </Identity></Profile></DistinctParty>
        """;

    private const string Entries = """
        <SanctionsEntries>
          <SanctionsEntry ID="1" ProfileID="12" ListID="1550"><EntryEvent><Comment>made</Comment></EntryEvent>
            <SanctionsMeasure SanctionsTypeID="1705"><Comment>all of it</Comment></SanctionsMeasure>
            <SanctionsMeasure SanctionsTypeID="1"><Comment>SDGT</Comment></SanctionsMeasure><SanctionsMeasure SanctionsTypeID="1"><Comment>NS-PLC</Comment></SanctionsMeasure></SanctionsEntry>
          <SanctionsEntry ID="2" ProfileID="4238" ListID="1550"><SanctionsMeasure SanctionsTypeID="1"><Comment>CUBA</Comment></SanctionsMeasure></SanctionsEntry>
        </SanctionsEntries>
        """;

    private static readonly string Whole = Document(Words, Person, Vessel, Company);

    [Fact]
    public void NamesOfAllScriptsKindsProgrammesAndFeaturesAreRead()
    {
        Assert.Equal(ListFormat.OfacAdvancedXml, ListFormats.Guess(Encoding.UTF8.GetBytes(Whole)));
        ListDocument list = Read(Whole);
        ListEntry person = list.Entries.Single(entry => entry.Id == "2674");
        Assert.Equal(
            new ListEntry(
                "2674", "ABBAS, Abu Khalid", ["ZAYDAN, Muhammad", "عباس"], "individual", "SDGT; NS-PLC",
                "Leader of a faction.; Birthdate 1948-02-10; Gender Male; Secondary sanctions risk section 1(b)"),
            person);
        Assert.Equal(new ListEntry("4238", "MAR AZUL", [], "vessel", "CUBA", ""), list.Entries.Single(entry => entry.Id == "4238"));
        Assert.Equal(new ListEntry("36", "AEROCARIBBEAN AIRLINES", [], "entity", "", ""), list.Entries.Single(entry => entry.Id == "36"));
        Assert.Equal(3, list.Entries.Count);
    }

    [Fact]
    public void WhatIsMissingIsSaid()
    {
        Assert.Contains("PartySubTypeID 4", Assert.Throws<ListFileException>(() => Read(Document("", Person))).Message);
        Assert.Contains("no name", Assert.Throws<ListFileException>(() => Read(Document(Words, "<DistinctParty FixedRef='7'/>"))).Message);
        Assert.Contains("no number", Assert.Throws<ListFileException>(() => Read(Document(Words, Vessel.Replace("FixedRef=\"4238\"", "")))).Message);
        Assert.Contains("not <Sanctions>", Assert.Throws<ListFileException>(() => Read("<sdnList/>")).Message);
        Assert.Contains("XML", Assert.Throws<ListFileException>(() => Read(Whole[..(Whole.Length / 2)])).Message);
    }

    /// <summary>Whatever is cut out of the file: a list, or words about what is wrong; nothing else is thrown.</summary>
    [Fact]
    public void NoPieceMissingBringsTheReaderDown()
    {
        for (int start = 0; start < Whole.Length; start += 7)
        {
            string cut = Whole.Remove(start, Math.Min(5, Whole.Length - start));
            Exception? thrown = Record.Exception(() => Read(cut));
            Assert.True(thrown is null or ListFileException, $"{start}: {thrown}");
        }
    }

    private static string Document(string words, params string[] parties) =>
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Sanctions xmlns=\"http://www.un.org/sanctions/1.0\" Version=\"3\">"
        + $"{words}<Locations/><DistinctParties>{string.Concat(parties)}</DistinctParties>{Entries}</Sanctions>";

    private static ListDocument Read(string text)
    {
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(text));
        return ListFile.Read(content, null, new ListFileOptions(ListFormat.OfacAdvancedXml));
    }
}
