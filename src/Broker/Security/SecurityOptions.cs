namespace PipeRoll.Broker.Security;

/// <summary>Who may come in and what proves it. Security is on as soon as anybody is defined, here or in the metadata.</summary>
/// <remarks>It holds a password: <see cref="ToString"/> leaves it out.</remarks>
public sealed record SecurityOptions
{
    private static readonly string[] Known = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

    /// <summary>True refuses anonymous clients although nobody is defined yet, false lets everybody do everything whoever is defined.</summary>
    public bool? Enabled { get; init; }

    /// <summary>The first administrator; null when users are in the metadata already, or nobody is to be restricted.</summary>
    public string? AdminUser { get; init; }

    public string? AdminPassword { get; init; }

    /// <summary>Principals that may everything, such as <c>User:alice;User:CN=ops</c>.</summary>
    public string SuperUsers { get; init; } = "";

    /// <summary>SASL mechanisms that clients may choose, with commas.</summary>
    public string SaslMechanisms { get; init; } = "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER";

    /// <summary>Lets everybody who has authenticated do everything to a resource that no entry names.</summary>
    public bool AllowEveryoneIfNoAcl { get; init; }

    /// <summary>How long a SASL session lasts before the client must authenticate again (KIP-368); 0 for as long as the connection.</summary>
    public long ReauthMaxMs { get; init; }

    /// <summary>How long the answer to a failed authentication is held back.</summary>
    public int FailedAuthenticationDelayMs { get; init; } = 100;

    /// <summary>Iterations of SCRAM credentials that this broker makes itself.</summary>
    public int ScramIterations { get; init; } = 4096;

    public long TokenLifetimeMaxMs { get; init; } = 604_800_000;

    /// <summary>How long a delegation token lasts unless it is renewed.</summary>
    public long TokenExpiryMs { get; init; } = 86_400_000;

    /// <summary>URL or file of the JSON Web Key Set that tokens are signed with; null takes no bearer tokens.</summary>
    public string? OauthJwks { get; init; }

    /// <summary>Null does not look at who issued a token.</summary>
    public string? OauthIssuer { get; init; }

    /// <summary>One of these, with commas, must be an audience of the token; null does not look.</summary>
    public string? OauthAudience { get; init; }

    /// <summary>All of these, with commas, must be scopes of the token; null does not look.</summary>
    public string? OauthScope { get; init; }

    /// <summary>The claim that names the principal.</summary>
    public string OauthPrincipalClaim { get; init; } = "sub";

    public int OauthClockSkewMs { get; init; } = 30_000;

    /// <summary>Takes tokens that nobody has signed: for development only.</summary>
    public bool OauthUnsecured { get; init; }

    public IReadOnlyList<string> Mechanisms => Split(SaslMechanisms, ',');

    public IReadOnlyList<string> SuperUserList => Split(SuperUsers, ';');

    /// <summary>Every error at once, each beginning with the property's name.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (AdminUser is { Length: > 0 } != AdminPassword is { Length: > 0 })
        {
            errors.Add($"{nameof(AdminUser)} and its password come together: give both, or neither");
        }

        foreach (string mechanism in Mechanisms.Where(mechanism => !Known.Contains(mechanism, StringComparer.Ordinal)))
        {
            errors.Add($"{nameof(SaslMechanisms)} names '{mechanism}'; there are {string.Join(", ", Known)}");
        }

        foreach (string principal in SuperUserList.Where(principal => !principal.Contains(':', StringComparison.Ordinal)))
        {
            errors.Add($"{nameof(SuperUsers)} names '{principal}'; write principals with their type, such as User:alice");
        }

        if (ScramIterations is < 4096 or > 1_000_000)
        {
            errors.Add($"{nameof(ScramIterations)} is {ScramIterations}: it must lie within 4096 and 1000000");
        }

        AtLeast(errors, nameof(ReauthMaxMs), ReauthMaxMs, 0);
        AtLeast(errors, nameof(FailedAuthenticationDelayMs), FailedAuthenticationDelayMs, 0);
        AtLeast(errors, nameof(TokenLifetimeMaxMs), TokenLifetimeMaxMs, 1);
        AtLeast(errors, nameof(TokenExpiryMs), TokenExpiryMs, 1);
        AtLeast(errors, nameof(OauthClockSkewMs), OauthClockSkewMs, 0);
        return errors;
    }

    public override string ToString() => $"security {Enabled?.ToString() ?? "when somebody is defined"}, mechanisms {SaslMechanisms}";

    private static string[] Split(string text, char separator) =>
        text.Split(separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void AtLeast(List<string> errors, string name, long value, long min)
    {
        if (value < min)
        {
            errors.Add($"{name} is {value}: it must be at least {min}");
        }
    }
}
