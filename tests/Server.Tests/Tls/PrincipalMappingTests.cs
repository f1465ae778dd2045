using System.Security.Cryptography.X509Certificates;
using PipeRoll.Server.Tls;

namespace PipeRoll.Server.Tests.Tls;

public sealed class PrincipalMappingTests
{
    private const string Subject = "CN=Alice,OU=Ops,O=Acme";

    [Theory]
    [InlineData("DEFAULT", "User:CN=Alice,OU=Ops,O=Acme")]
    [InlineData("RULE:^CN=(.*?),OU=Ops.*$/$1/", "User:Alice")]
    [InlineData("RULE:^CN=(.*?),OU=Ops.*$/$1/L", "User:alice")]
    [InlineData("RULE:^CN=(.*?),OU=(.*?),.*$/$1@$2/U", "User:ALICE@OPS")]
    [InlineData("RULE:^CN=(.*?),OU=Other.*$/$1/,RULE:^.*O=(.*)$/$1/,DEFAULT", "User:Acme")]
    [InlineData("RULE:^CN=(.*?),OU=Other.*$/$1/, DEFAULT", "User:CN=Alice,OU=Ops,O=Acme")]
    [InlineData("RULE:^CN=(.*?),.*$/a\\/$1/", "User:a/Alice")]
    [InlineData("RULE:^CN=(.*?),OU=Other.*$/$1/", null)]
    [InlineData("RULE:CN=Alice/x/", null)]
    public void The_first_rule_whose_pattern_is_the_whole_subject_counts(string rules, string? principal)
    {
        Assert.Null(PrincipalMapping.TryParse(rules, out PrincipalMapping mapping));

        Assert.Equal(principal, mapping.PrincipalOf(Subject));
    }

    [Theory]
    [InlineData("")]
    [InlineData("RULE:abc")]
    [InlineData("RULE:(/x/")]
    [InlineData("RULE:a/b/X")]
    [InlineData("OTHER")]
    public void What_is_no_rule_is_said(string rules) => Assert.NotNull(PrincipalMapping.TryParse(rules, out _));

    [Fact]
    public void A_subject_is_written_as_RFC_2253_does()
    {
        var subject = new X500DistinguishedNameBuilder();
        subject.AddOrganizationName("Acme, Inc.");
        subject.AddOrganizationalUnitName("Ops");
        subject.AddCommonName("alice");

        Assert.Contains(
            PrincipalMapping.SubjectOf(subject.Build()), (string[])[@"CN=alice,OU=Ops,O=Acme\, Inc.", @"O=Acme\, Inc.,OU=Ops,CN=alice"]);
    }
}
