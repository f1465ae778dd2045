using System.Text;
using CsCheck;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;

namespace PipeRoll.Broker.Tests.Security;

public sealed class ScramTests
{
    /// <summary>The example of RFC 7677, section 3.</summary>
    [Fact]
    public async Task The_example_of_the_RFC_comes_out()
    {
        const string clientNonce = "rOprNGfwEbeRWgbNEkqO";
        const string serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        ScramExchange exchange = Exchange(
            "pencil", Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096, serverNonce);

        SaslStep first = await NextAsync(exchange, $"n,,n=user,r={clientNonce}");
        SaslStep final = await NextAsync(
            exchange, $"c=biws,r={clientNonce}{serverNonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");

        Assert.Equal($"r={clientNonce}{serverNonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", Encoding.UTF8.GetString(first.Answer));
        Assert.Equal("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Encoding.UTF8.GetString(final.Answer));
        Assert.Equal("User:user", final.User?.Principal);
    }

    [Theory]
    [InlineData("p=tls-unique,,n=user,r=abc")]
    [InlineData("n,a=other,n=user,r=abc")]
    [InlineData("n,,n=,r=abc")]
    [InlineData("n,,n=us=er,r=abc")]
    [InlineData("n,,n=user,r=")]
    [InlineData("n,,r=abc,n=user")]
    [InlineData("")]
    public async Task A_first_token_that_is_wrong_is_refused(string token)
    {
        SaslStep step = await NextAsync(Exchange("pencil", new byte[16], 4096, "server"), token);

        Assert.NotNull(step.Failure);
        Assert.Null(step.User);
    }

    [Theory]
    [InlineData("c=biws,r=another,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=eSws,r=abcserver,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biws,r=abcserver,p=AAAA")]
    [InlineData("c=biws,r=abcserver")]
    [InlineData("c=biws,r=abcserver,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    public async Task A_last_token_that_is_wrong_is_refused(string token)
    {
        ScramExchange exchange = Exchange("pencil", new byte[16], 4096, "server");
        Assert.Null((await NextAsync(exchange, "n,,n=user,r=abc")).Failure);

        Assert.NotNull((await NextAsync(exchange, token)).Failure);
        Assert.NotNull((await NextAsync(exchange, "n,,n=user,r=abc")).Failure);
    }

    [Fact]
    public void Whoever_knows_the_password_and_nobody_else_is_let_in() =>
        Gen.Select(OneOf(ScramMechanism.Sha256, ScramMechanism.Sha512), Gen.String[1, 20], Gen.String[1, 20]).Sample(
            (mechanism, right, tried) =>
            {
                var credential = ScramCredential.FromPassword(mechanism, right, new byte[16], 4096);

                return credential.Verifies(tried) == (Encoding.UTF8.GetBytes(right).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(tried)))
                    && credential.Verifies(right);
            },
            iter: 30);

    private static ValueTask<SaslStep> NextAsync(ScramExchange exchange, string token) =>
        exchange.NextAsync(Encoding.UTF8.GetBytes(token), CancellationToken.None);

    private static ScramExchange Exchange(string password, byte[] salt, int iterations, string serverNonce) => new(
        ScramMechanism.Sha256,
        new OneUser(ScramCredential.FromPassword(ScramMechanism.Sha256, password, salt, iterations)), serverNonce);

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(at => values[at]);

    private sealed class OneUser(ScramCredential credential) : IScramUsers
    {
        public ScramCandidate Find(ScramMechanism mechanism, string user, bool isToken) => new(
            credential, new ProvenUser("User:" + user, "SCRAM-SHA-256", long.MaxValue, false, _ => true));
    }
}
