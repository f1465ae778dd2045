namespace PipeRoll.Server.Tls;

/// <summary>Whether clients have to bring a certificate.</summary>
public enum ClientCertificates
{
    None,

    /// <summary>Whoever brings one is who it says.</summary>
    Requested,

    /// <summary>Whoever brings none is refused.</summary>
    Required,
}

/// <summary>The section <c>tls</c>: one certificate for the Kafka port and HTTP. Files are PEM, and read again when they change.</summary>
/// <remarks>It holds a password: <see cref="ToString"/> leaves it out.</remarks>
public sealed record TlsSettings
{
    /// <summary>File of the certificate, with the chain up to a root that clients know; empty for no TLS.</summary>
    public string Certificate { get; init; } = "";

    /// <summary>File of its private key.</summary>
    public string Key { get; init; } = "";

    /// <summary>What the key is encrypted with; empty for a key that is not.</summary>
    public string KeyPassword { get; init; } = "";

    /// <summary>File of the authorities that clients' certificates must come from.</summary>
    public string ClientCa { get; init; } = "";

    public ClientCertificates ClientAuth { get; init; } = ClientCertificates.None;

    /// <summary>Kafka's rules from the subject of a certificate to the name of a principal.</summary>
    public string PrincipalMappingRules { get; init; } = "DEFAULT";

    /// <summary>Takes clients without TLS on the same Kafka port too: for as long as they are being moved.</summary>
    public bool AllowPlaintext { get; init; }

    /// <summary>HTTP over TLS.</summary>
    public bool Http { get; init; } = true;

    /// <summary>What a client may take to agree on encryption.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often files are looked at for changes, at most.</summary>
    public TimeSpan ReloadInterval { get; init; } = TimeSpan.FromSeconds(5);

    public bool IsOn => Certificate.Length > 0;

    /// <summary>Every error at once, each beginning with the property's name.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (!IsOn)
        {
            if (Key.Length > 0 || ClientCa.Length > 0 || ClientAuth != ClientCertificates.None)
            {
                errors.Add($"{nameof(Certificate)} is missing: give the PEM file of the server's certificate");
            }

            return errors;
        }

        if (Key.Length == 0)
        {
            errors.Add($"{nameof(Key)} is missing: give the PEM file of the certificate's private key");
        }

        if (ClientAuth != ClientCertificates.None && ClientCa.Length == 0)
        {
            errors.Add($"{nameof(ClientCa)} is missing: give the PEM file of the authorities that clients' certificates come from");
        }

        if (ClientAuth == ClientCertificates.Required && AllowPlaintext)
        {
            errors.Add($"{nameof(AllowPlaintext)} is true, which lets clients in that {nameof(ClientAuth)} requires a certificate of");
        }

        foreach ((string name, string file) in ((string, string)[])[(nameof(Certificate), Certificate), (nameof(Key), Key), (nameof(ClientCa), ClientCa)])
        {
            if (file.Length > 0 && !File.Exists(file))
            {
                errors.Add($"{name} names the file {file}, which is not there");
            }
        }

        if (PrincipalMapping.TryParse(PrincipalMappingRules, out _) is { } problem)
        {
            errors.Add($"{nameof(PrincipalMappingRules)} can't be understood: {problem}");
        }

        return errors;
    }

    public override string ToString() => IsOn ? $"TLS by {Certificate}, clients' certificates {ClientAuth}" : "no TLS";
}
