using System.Text;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Security.Sasl;
using PipeRoll.Broker.Tests.Groups;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Security;

/// <summary>How sessions begin, go on and end, byte by byte.</summary>
public sealed class SessionTests
{
    /// <summary>SaslHandshake version 0, which old clients still speak: tokens as bare frames, shorter than any request.</summary>
    [Fact]
    public async Task Bare_tokens_authenticate()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.AddUserAsync("u", "p");
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(new SaslHandshakeRequest { Mechanism = "PLAIN" }, 0);

        await client.SendBytesAsync([0, 0, 0, 4, 0, (byte)'u', 0, (byte)'p']);
        Assert.Equal([0, 0, 0, 0], await client.ReceiveBytesAsync(4));

        Assert.NotEmpty((await client.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest(), 12)).Brokers);
    }

    [Fact]
    public async Task A_wrong_bare_token_closes()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);
        await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(new SaslHandshakeRequest { Mechanism = "PLAIN" }, 0);

        await client.SendBytesAsync([0, 0, 0, 4, 0, (byte)'u', 0, (byte)'p']);

        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task An_unknown_mechanism_is_answered_with_those_that_there_are()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);

        SaslHandshakeResponse refused = await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(
            new SaslHandshakeRequest { Mechanism = "GSSAPI" }, 1);

        Assert.Equal((short)KafkaError.UnsupportedSaslMechanism, refused.ErrorCode);
        Assert.Equal(["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"], refused.Mechanisms);
    }

    [Fact]
    public async Task Whoever_sends_much_before_he_says_who_he_is_is_cut_off()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using RawClient client = await RawClient.ConnectAsync(host);

        await client.SendBytesAsync([0, 16, 0, 0]);

        Assert.True(await client.IsClosedAsync());
        Assert.Equal(512 * 1024, FrameSniffer.UnauthenticatedBytesMax);
    }

    [Fact]
    public async Task A_session_ends_unless_the_client_authenticates_again()
    {
        var time = new ManualTime();
        await using BrokerHost host = await SecuredHost.StartAsync(new SecurityOptions { ReauthMaxMs = 60_000 }, time);
        using RawClient client = await RawClient.ConnectAsync(host);
        SaslAuthenticateResponse first = await LogInAsync(client, SecuredHost.Admin, SecuredHost.Password);
        Assert.Equal(60_000, first.SessionLifetimeMs);

        time.Pass(59_000);
        Assert.Equal((short)KafkaError.None, (await LogInAsync(client, SecuredHost.Admin, SecuredHost.Password)).ErrorCode);
        time.Pass(59_000);
        await client.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest(), 12);
        time.Pass(1_000);
        await client.SendAsync(new MetadataRequest(), 12);

        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task A_session_does_not_change_hands()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.AddUserAsync("mallory", "m");
        using RawClient client = await RawClient.ConnectAsync(host);
        await LogInAsync(client, "mallory", "m");

        SaslAuthenticateResponse refused = await LogInAsync(client, SecuredHost.Admin, SecuredHost.Password);

        Assert.Equal((short)KafkaError.SaslAuthenticationFailed, refused.ErrorCode);
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task A_delegation_token_logs_in_as_its_owner_until_it_ends()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.AddUserAsync("alice", "a");
        using RawClient alice = await RawClient.ConnectAsync(host);
        await LogInAsync(alice, "alice", "a");
        CreateDelegationTokenResponse token = await alice.CallAsync<CreateDelegationTokenRequest, CreateDelegationTokenResponse>(
            new CreateDelegationTokenRequest { MaxLifetimeMs = 3_600_000 }, 3);
        using RawClient worker = await RawClient.ConnectAsync(host);

        SaslAuthenticateResponse session = await ScramAsync(worker, token.TokenId, Convert.ToBase64String(token.Hmac.Span), isToken: true);
        DescribeDelegationTokenResponse described = await alice.CallAsync<DescribeDelegationTokenRequest, DescribeDelegationTokenResponse>(
            new DescribeDelegationTokenRequest { Owners = null }, 3);
        CreateDelegationTokenResponse another = await worker.CallAsync<CreateDelegationTokenRequest, CreateDelegationTokenResponse>(
            new CreateDelegationTokenRequest { MaxLifetimeMs = -1 }, 3);
        RenewDelegationTokenResponse renewed = await alice.CallAsync<RenewDelegationTokenRequest, RenewDelegationTokenResponse>(
            new RenewDelegationTokenRequest { Hmac = token.Hmac, RenewPeriodMs = 100_000_000 }, 2);
        await worker.CallAsync<MetadataRequest, MetadataResponse>(new MetadataRequest(), 12);
        ExpireDelegationTokenResponse ended = await alice.CallAsync<ExpireDelegationTokenRequest, ExpireDelegationTokenResponse>(
            new ExpireDelegationTokenRequest { Hmac = token.Hmac, ExpiryTimePeriodMs = -1 }, 2);
        await worker.SendAsync(new MetadataRequest(), 12);

        Assert.Equal((short)KafkaError.None, session.ErrorCode);
        Assert.InRange(session.SessionLifetimeMs, 1, 3_600_000);
        Assert.Equal(token.TokenId, Assert.Single(described.Tokens).TokenId);
        Assert.Equal((short)KafkaError.DelegationTokenRequestNotAllowed, another.ErrorCode);
        Assert.Equal(token.MaxTimestampMs, renewed.ExpiryTimestampMs);
        Assert.Equal((short)KafkaError.None, ended.ErrorCode);
        Assert.True(await worker.IsClosedAsync());
    }

    [Fact]
    public async Task Brokers_know_each_other_by_the_secret_that_they_share()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.CreateTopicAsync("orders");
        using RawClient broker = await RawClient.ConnectAsync(host);

        SaslAuthenticateResponse session = await LogInAsync(broker, "piperoll-broker", host.Services.Security.Directory.BrokerPassword);
        MetadataResponse topics = await broker.CallAsync<MetadataRequest, MetadataResponse>(
            new MetadataRequest { Topics = [new() { Name = "orders" }] }, 12);

        Assert.Equal((short)KafkaError.None, session.ErrorCode);
        Assert.Equal((short)KafkaError.TopicAuthorizationFailed, topics.Topics[0].ErrorCode);
        Assert.True(host.Services.Security.Guard.Authorizer.Allows(new AccessQuestion(
            AclNames.Broker, "127.0.0.1", AclOperation.ClusterAction, ResourceType.Cluster, AclNames.Cluster)));
    }

    private static async Task<SaslAuthenticateResponse> LogInAsync(RawClient client, string user, string password)
    {
        await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(new SaslHandshakeRequest { Mechanism = "PLAIN" }, 1);
        return await client.CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
            new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"\0{user}\0{password}") }, 2);
    }

    /// <summary>The client's side of SCRAM-SHA-256.</summary>
    private static async Task<SaslAuthenticateResponse> ScramAsync(RawClient client, string user, string password, bool isToken)
    {
        await client.CallAsync<SaslHandshakeRequest, SaslHandshakeResponse>(new SaslHandshakeRequest { Mechanism = "SCRAM-SHA-256" }, 1);
        string bare = $"n={user},r=nonce{(isToken ? ",tokenauth=true" : "")}";
        SaslAuthenticateResponse first = await client.CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
            new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes("n,," + bare) }, 2);
        string challenge = Encoding.UTF8.GetString(first.AuthBytes.Span);
        string[] parts = challenge.Split(',');
        byte[] salted = Scram.SaltedPassword(
            ScramMechanism.Sha256, password, Convert.FromBase64String(parts[1][2..]), int.Parse(parts[2][2..]));
        string withoutProof = $"c=biws,{parts[0]}";
        byte[] clientKey = Scram.Hmac(ScramMechanism.Sha256, salted, "Client Key"u8);
        byte[] signature = Scram.Hmac(
            ScramMechanism.Sha256, Scram.Hash(ScramMechanism.Sha256, clientKey), Encoding.UTF8.GetBytes($"{bare},{challenge},{withoutProof}"));
        byte[] proof = [.. clientKey.Zip(signature, (left, right) => (byte)(left ^ right))];
        return await client.CallAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(
            new SaslAuthenticateRequest { AuthBytes = Encoding.UTF8.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}") }, 2);
    }
}
