namespace PipeRoll.EndToEnd.Tests.Support;

/// <summary>A server with TLS and an administrator, and the certificates of its clients.</summary>
public sealed class SecuredServer : IAsyncLifetime
{
    public const string User = "admin";
    public const string Password = "s3cret";

    private readonly TemporaryFolder _folder = new();
    private readonly TestAuthority _authority = new();
    private ServerProcess? _server;

    public string Authority => _authority.File;

    public string Bootstrap => $"localhost:{_server!.KafkaPort}";

    public (string Certificate, string Key) ClientCertificate { get; private set; }

    /// <summary>Signs bearer tokens that the server takes.</summary>
    internal TokenIssuer Tokens { get; } = new();

    public async ValueTask InitializeAsync()
    {
        (string certificate, string key) = _authority.Issue("localhost");
        ClientCertificate = _authority.Issue("alice");
        string keys = Path.Combine(_folder.Path, "keys.json");
        await File.WriteAllTextAsync(keys, Tokens.KeySet);
        _server = await ServerProcess.StartAsync(
            Path.Combine(_folder.Path, "data"),
            "--set", $"security/admin.user={User}", "--set", $"security/admin.password={Password}",
            "--set", $"security/sasl.oauthbearer.jwks.endpoint.url={keys}", "--set", "security/sasl.oauthbearer.expected.audience=piperoll",
            "--set", "security/oauth.clock.skew.ms=0",
            "--set", $"tls/certificate={certificate}", "--set", $"tls/key={key}", "--set", $"tls/client.ca={Authority}",
            "--set", "tls/client.auth=requested", "--set", "tls/ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Tokens.Dispose();
        _authority.Dispose();
        _folder.Dispose();
    }

    public HttpClient Http()
    {
        HttpClient http = _authority.Http();
        http.BaseAddress = new Uri($"https://localhost:{_server!.HttpPort}");
        return http;
    }

    /// <summary>What the server has logged.</summary>
    internal string Log => _server!.Log;

    internal Task<CommandResult> PiperollAsync(string user, string password, string? input, params string[] arguments) => Command.RunAsync(
        Checkout.Cli, arguments, input is null ? null : System.Text.Encoding.UTF8.GetBytes(input), 60, new Dictionary<string, string>
        {
            ["PIPEROLL_BOOTSTRAP"] = Bootstrap,
            ["PIPEROLL_HTTP"] = $"https://localhost:{_server!.HttpPort}",
            ["PIPEROLL_CA"] = Authority,
            ["PIPEROLL_USER"] = user,
            ["PIPEROLL_PASSWORD"] = password,
        });
}
