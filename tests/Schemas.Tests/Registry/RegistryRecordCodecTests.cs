using System.Text;
using PipeRoll.Schemas.Registry;

namespace PipeRoll.Schemas.Tests.Registry;

public sealed class RegistryRecordCodecTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(20_000);
    private static readonly SchemaContent Content = new(SchemaType.Json, """{"type":"object"}""", [new("a.json", "a", 3)]);

    public static TheoryData<RegistryRecord> Ours =>
    [
        new SchemaGoneRecord("orders-value", 3),
        new SubjectDeletedRecord("orders-value", 3),
        new SubjectClearedRecord("orders-value"),
        new ConfigRecord(null, new SubjectConfig(CompatibilityLevel.Full, null)),
        new ConfigRecord("a", new SubjectConfig(null, true)),
        new ConfigRecord("a", null),
        new ModeRecord(null, RegistryMode.Import),
        new ModeRecord("a", null),
        new IdsRecord(17),
        new GovernanceRecord("a", null),
    ];

    [Theory]
    [MemberData(nameof(Ours))]
    public void WhatIsWrittenIsRead(RegistryRecord record)
    {
        (byte[] key, byte[]? value) = RegistryRecordCodec.Write(record);
        Assert.Equal(record, RegistryRecordCodec.Read(key, value));
    }

    [Fact]
    public void VersionsAreWrittenAsConfluentDoes()
    {
        (byte[] key, byte[]? value) = RegistryRecordCodec.Write(new SchemaRecord(new SchemaVersion("orders-value", 3, 9, Content)));
        Assert.Equal("""{"keytype":"SCHEMA","subject":"orders-value","version":3,"magic":1}""", Encoding.UTF8.GetString(key));
        Assert.Equal(
            """{"subject":"orders-value","version":3,"id":9,"schemaType":"JSON","references":[{"name":"a.json","subject":"a","version":3}],"schema":"{\"type\":\"object\"}","deleted":false}""",
            Encoding.UTF8.GetString(value!));
        var read = Assert.IsType<SchemaRecord>(RegistryRecordCodec.Read(key, value));
        Assert.Equal(Content.References, read.Version.Content.References);
        Assert.Equal((3, 9, Content.Text), (read.Version.Version, read.Version.Id, read.Version.Content.Text));
    }

    [Fact]
    public void GovernanceAndRequestsSurvive()
    {
        var rules = new Governance(["User:a", "User:b"], 2, [new FreezeWindow(Now, Now.AddHours(1), "year end")]);
        (byte[] key, byte[]? value) = RegistryRecordCodec.Write(new GovernanceRecord(null, rules));
        Governance read = Assert.IsType<GovernanceRecord>(RegistryRecordCodec.Read(key, value)).Governance!;
        Assert.Equal(rules.Approvers, read.Approvers);
        Assert.Equal(rules.Freezes, read.Freezes);

        var request = new ChangeRequest(5, "a", Content, "User:c", RequestState.Rejected, 0, 0, [new(Now, "User:c", "requested", ""), new(Now, "User:a", "rejected", "no")]);
        (key, value) = RegistryRecordCodec.Write(new RequestRecord(request));
        ChangeRequest again = Assert.IsType<RequestRecord>(RegistryRecordCodec.Read(key, value)).Request;
        Assert.Equal(request.Steps, again.Steps);
        Assert.Equal((5, "a", "User:c", RequestState.Rejected), (again.Id, again.Subject, again.Author, again.State));
    }

    /// <summary>Written by Confluent's registry, in versions from 4 to 7.</summary>
    [Theory]
    [InlineData("""{"magic":1,"keytype":"SCHEMA","subject":"t-value","version":1}""", """{"subject":"t-value","version":1,"id":1,"schema":"\"string\"","deleted":false}""")]
    [InlineData("""{"keytype":"SCHEMA","subject":"t-value","version":1,"magic":1}""", """{"subject":"t-value","version":1,"id":1,"md5":"abc","schema":"\"string\"","deleted":false,"offset":1,"ts":1}""")]
    public void RecordsOfOtherRegistriesAreRead(string key, string value)
    {
        var read = Assert.IsType<SchemaRecord>(RegistryRecordCodec.Read(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value)));
        Assert.Equal(("t-value", 1, 1, "\"string\""), (read.Version.Subject, read.Version.Version, read.Version.Id, read.Version.Content.Text));
    }

    [Theory]
    [InlineData("""{"keytype":"NOOP","magic":0}""", null, true)]
    [InlineData("""{"keytype":"CONTEXT","tenant":"default","context":".","magic":0}""", "{}", true)]
    [InlineData("""{"keytype":"SCHEMA","subject":"a"}""", "{}", false)]
    [InlineData("not json", null, false)]
    [InlineData("[]", null, false)]
    public void WhatIsNotOursIsPassedOver(string key, string? value, bool isKnown)
    {
        RegistryRecord? read = RegistryRecordCodec.Read(Encoding.UTF8.GetBytes(key), value is null ? null : Encoding.UTF8.GetBytes(value));
        Assert.Equal(isKnown, read is OtherRecord);
        Assert.True(isKnown || read is null);
    }
}
