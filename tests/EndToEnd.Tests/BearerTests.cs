using System.Net;
using System.Net.Http.Headers;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>OAUTHBEARER over TLS against a server that was given a key set in a file: as long as the token lasts, and no longer.</summary>
public sealed class BearerTests(SecuredServer secured) : IClassFixture<SecuredServer>
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task AClientThatRenewsItsTokenGoesOnAndOneThatDoesNotIsCutOff()
    {
        await AllowAsync("dora", "renewed");
        await AllowAsync("carl", "lapsed");
        int tokens = 0;
        using IProducer<Null, string> renewing = Producer(client => Give(client, "dora", ref tokens));
        int given = 0;
        using IProducer<Null, string> lapsing = Producer(client =>
        {
            if (Interlocked.Exchange(ref given, 1) == 0)
            {
                // The client believes that its token lasts; the server knows better.
                client.OAuthBearerSetToken(secured.Tokens.Token("carl", End), (Now + TimeSpan.FromHours(1)).ToUnixTimeMilliseconds(), "carl");
            }
        });
        Assert.Equal(0, (await SendAsync(lapsing, "lapsed"))!.Value);
        DateTimeOffset end = Now + (2 * Life);
        long offset = -1;
        while (Now < end || Volatile.Read(ref tokens) < 3)
        {
            Assert.Equal(++offset, await SendAsync(renewing, "renewed"));
            await Task.Delay(100);
        }

        // Long after its end: nothing more of what the other sends is taken.
        Assert.Null(await SendAsync(lapsing, "lapsed"));
        Assert.Contains("AuthenticationFailed: User:carl", secured.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("AuthenticationFailed: User:dora", secured.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HttpTakesTheSameTokensAndNoOthers()
    {
        await AllowAsync("erin", "any");
        (await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, null, "acl", "add", "User:erin", "-o", "describe", "--cluster")).Succeeded();
        using HttpClient http = secured.Http();
        using var strangers = new TokenIssuer();
        Assert.Equal(HttpStatusCode.OK, await GetAsync(http, secured.Tokens.Token("erin", Now + Life)));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(http, secured.Tokens.Token("erin", Now)));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(http, secured.Tokens.Token("erin", Now + Life, audience: "somebody else")));
        Assert.Equal(HttpStatusCode.Unauthorized, await GetAsync(http, strangers.Token("erin", Now + Life)));
        Assert.Equal(HttpStatusCode.Forbidden, await GetAsync(http, secured.Tokens.Token("nobody", Now + Life)));
    }

    private static DateTimeOffset Now => DateTimeOffset.UtcNow;

    /// <summary>In whole seconds, as tokens say it: client and server mean the same moment then.</summary>
    private static DateTimeOffset End => DateTimeOffset.FromUnixTimeSeconds((Now + Life).ToUnixTimeSeconds() + 1);

    private static async Task<HttpStatusCode> GetAsync(HttpClient http, string token)
    {
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return (await http.GetAsync("/api/v1/cluster")).StatusCode;
    }

    private async Task AllowAsync(string user, string topic)
    {
        (await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, null, "topic", "create", topic)).Succeeded();
        (await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, null, "acl", "add", $"User:{user}", "-o", "write", "--topic", topic)).Succeeded();
    }

    private void Give(IClient client, string user, ref int tokens)
    {
        Interlocked.Increment(ref tokens);
        DateTimeOffset end = End;
        client.OAuthBearerSetToken(secured.Tokens.Token(user, end), end.ToUnixTimeMilliseconds(), user);
    }

    private IProducer<Null, string> Producer(Action<IClient> refresh) => new ProducerBuilder<Null, string>(new ProducerConfig
    {
        BootstrapServers = secured.Bootstrap,
        SecurityProtocol = SecurityProtocol.SaslSsl,
        SaslMechanism = SaslMechanism.OAuthBearer,
        SslCaLocation = secured.Authority,
        MessageTimeoutMs = 10_000,
        LingerMs = 0,
    }).SetOAuthBearerTokenRefreshHandler((client, _) => refresh(client)).SetLogHandler(static (_, _) => { }).Build();

    /// <summary>The offset; null if the record was not taken.</summary>
    private static async Task<long?> SendAsync(IProducer<Null, string> producer, string topic)
    {
        try
        {
            return (await producer.ProduceAsync(topic, new Message<Null, string> { Value = "x" })).Offset.Value;
        }
        catch (ProduceException<Null, string>)
        {
            return null;
        }
    }
}
