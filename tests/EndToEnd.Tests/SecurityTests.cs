using System.Net;
using System.Text.Json;
using Confluent.Kafka;
using PipeRoll.EndToEnd.Tests.Support;

namespace PipeRoll.EndToEnd.Tests;

/// <summary>A server with TLS on both ports and an administrator, and four clients that nobody here wrote.</summary>
public sealed class SecurityTests(SecuredServer secured) : IClassFixture<SecuredServer>
{
    [Theory]
    [InlineData(SaslMechanism.ScramSha256)]
    [InlineData(SaslMechanism.ScramSha512)]
    public async Task ConfluentKafkaWithTlsAndScram(SaslMechanism mechanism)
    {
        var config = new ProducerConfig
        {
            BootstrapServers = secured.Bootstrap,
            SecurityProtocol = SecurityProtocol.SaslSsl,
            SslCaLocation = secured.Authority,
            SaslMechanism = mechanism,
            SaslUsername = SecuredServer.User,
            SaslPassword = SecuredServer.Password,
            EnableIdempotence = true,
        };
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(config).Build();

        DeliveryResult<Null, string> sent = await producer.ProduceAsync("confluent", new Message<Null, string> { Value = "one" });

        Assert.Equal(PersistenceStatus.Persisted, sent.Status);
    }

    [Fact]
    public async Task Python3KafkaWithTlsAndPlain()
    {
        string script = Path.Combine(Checkout.Clients, "python", "secured.py");
        CommandResult run = (await Command.RunAsync(
            "/usr/bin/python3", script, secured.Bootstrap, secured.Authority, SecuredServer.User, SecuredServer.Password)).Succeeded();

        Assert.Equal(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], JsonDocument.Parse(run.Lines[^1]).RootElement.EnumerateArray()
            .Select(item => item.GetString()));
    }

    [Fact]
    public async Task KafkajsWithTlsAndScram()
    {
        string script = Path.Combine(Checkout.Clients, "kafkajs", "secured.js");
        CommandResult run = (await Command.RunAsync(
            "node", script, secured.Bootstrap, secured.Authority, SecuredServer.User,
            SecuredServer.Password)).Succeeded();

        JsonElement result = JsonDocument.Parse(run.Lines[^1]).RootElement;
        Assert.Equal("hello", result.GetProperty("value").GetString());
        Assert.Equal("SASL_AUTHENTICATION_FAILED", result.GetProperty("refused").GetString());
    }

    [Fact]
    public async Task KcatWithACertificateAndWithout()
    {
        string[] tls = ["-b", secured.Bootstrap, "-X", "security.protocol=ssl", "-X", $"ssl.ca.location={secured.Authority}"];
        (string certificate, string key) = secured.ClientCertificate;

        CommandResult alice = (await Command.RunAsync(
            "/usr/bin/kcat", [.. tls, "-X", $"ssl.certificate.location={certificate}", "-X", $"ssl.key.location={key}", "-L"], null)).Succeeded();
        CommandResult nobody = await Command.RunAsync("/usr/bin/kcat", [.. tls, "-L", "-m", "3"], null);
        CommandResult plain = await Command.RunAsync("/usr/bin/kcat", ["-b", secured.Bootstrap, "-L", "-m", "3"], null);

        Assert.Contains("1 brokers", alice.Output, StringComparison.Ordinal);
        Assert.NotEqual(0, nobody.ExitCode);
        Assert.NotEqual(0, plain.ExitCode);
    }

    [Fact]
    public async Task HttpAsksForTheSameUsers()
    {
        using HttpClient http = secured.Http();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        HttpResponseMessage anonymous = await http.GetAsync("/api/v1/cluster");
        http.DefaultRequestHeaders.Authorization = TestAuthority.Basic(SecuredServer.User, "wrong");
        HttpResponseMessage wrong = await http.GetAsync("/api/v1/cluster");
        http.DefaultRequestHeaders.Authorization = TestAuthority.Basic(SecuredServer.User, SecuredServer.Password);
        HttpResponseMessage admin = await http.GetAsync("/api/v1/cluster");

        Assert.Equal(HttpStatusCode.Unauthorized, anonymous.StatusCode);
        Assert.StartsWith("Basic", anonymous.Headers.WwwAuthenticate.First().Scheme, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        Assert.Equal(HttpStatusCode.OK, admin.StatusCode);
    }

    [Fact]
    public async Task TheCommandLineAddsAUserWhoMayDoNothingYet()
    {
        (await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, "b0b\n", "user", "add", "bob")).Succeeded();
        CommandResult refused = await secured.PiperollAsync("bob", "b0b", null, "topic", "create", "mine");
        (await secured.PiperollAsync(
            SecuredServer.User, SecuredServer.Password, null, "acl", "add", "User:bob", "-o", "create", "-o", "describe", "--topic", "mine")).Succeeded();
        CommandResult made = await secured.PiperollAsync("bob", "b0b", null, "topic", "create", "mine");
        CommandResult cluster = await secured.PiperollAsync("bob", "b0b", null, "cluster", "status");
        CommandResult entries = await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, null, "acl", "list", "User:bob", "--output", "json");
        (await secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, null, "user", "remove", "bob")).Succeeded();
        CommandResult gone = await secured.PiperollAsync("bob", "b0b", null, "topic", "list");

        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("not allowed to create", refused.Error, StringComparison.Ordinal);
        made.Succeeded();
        Assert.NotEqual(0, cluster.ExitCode);
        Assert.Equal(2, JsonDocument.Parse(entries.Succeeded().Output).RootElement.GetArrayLength());
        Assert.NotEqual(0, gone.ExitCode);
    }

    /// <summary>With the rights that docs/SECURITY.md names for it, and no others, over TLS.</summary>
    [Fact]
    public async Task AWorkflowDecidesOverTlsAsAUserWithTheRightsThatItNeeds()
    {
        using var folder = new TemporaryFolder();
        string events = Path.Combine(folder.Path, "events.jsonl");
        await File.WriteAllLinesAsync(events, Enumerable.Range(0, 50).Select(static number =>
            $$"""{"paymentId":"p{{number}}","account":"A{{number % 7}}","device":"d","country":"CH","amount":{{number}}.5,"currency":"CHF","channel":"transfer","counterparty":"shop","counterpartyCountry":"CH","time":"2026-11-01T00:00:{{number:00}}Z"}"""));
        string manifest = Path.Combine(Checkout.Root, "samples", "workflows", "payments.yaml");
        (await AdminAsync("wf\n", "user", "add", "wf")).Succeeded();
        (await AdminAsync(null, "acl", "add", "User:wf", "-o", "read", "-o", "write", "-o", "create", "--topic", "payments", "--prefixed")).Succeeded();
        (await AdminAsync(null, "acl", "add", "User:wf", "-o", "read", "-o", "write", "-o", "create", "--topic", "_piperoll.", "--prefixed")).Succeeded();
        (await AdminAsync(null, "acl", "add", "User:wf", "-o", "read", "--group", "piperoll", "--prefixed")).Succeeded();
        CommandResult captured = (await secured.PiperollAsync("wf", "wf", null, "workflow", "capture", manifest, events)).Succeeded();
        CommandResult early = await secured.PiperollAsync("wf", "wf", null, "workflow", "run", manifest, "--until-end");
        (await AdminAsync(null, "acl", "add", "User:wf", "-o", "write", "--transactional-id", "piperoll.", "--prefixed")).Succeeded();
        CommandResult run = await secured.PiperollAsync("wf", "wf", null, "workflow", "run", manifest, "--until-end");
        CommandResult replayed = await secured.PiperollAsync("wf", "wf", null, "workflow", "replay", manifest, "--output", "json");

        Assert.NotEqual(0, early.ExitCode);
        Assert.Contains("TransactionalIdAuthorizationFailed", early.Error + early.Output, StringComparison.Ordinal);
        run.Succeeded();
        Assert.Contains("50", captured.Output + captured.Error, StringComparison.Ordinal);
        Assert.Equal(50, JsonDocument.Parse(replayed.Succeeded().Output).RootElement.GetProperty("equal").GetInt64());
    }

    private Task<CommandResult> AdminAsync(string? input, params string[] arguments) =>
        secured.PiperollAsync(SecuredServer.User, SecuredServer.Password, input, arguments);
}
