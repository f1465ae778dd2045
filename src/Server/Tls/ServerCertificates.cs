using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace PipeRoll.Server.Tls;

/// <summary>One reading of the files.</summary>
/// <param name="Authorities">Empty when clients bring no certificates.</param>
internal sealed record CertificateSet(SslStreamCertificateContext Context, X509Certificate2 Certificate, X509Certificate2Collection Authorities);

/// <summary>The server's certificate, read again when its files have changed; connections that are open keep the one they began with.</summary>
/// <remarks>Any thread. Failure: files that can't be read, or do not belong together yet, leave the last certificate in use, with a log line.</remarks>
internal sealed partial class ServerCertificates
{
    private readonly TlsSettings _settings;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private volatile CertificateSet _current;
    private string _stamp;
    private long _lookedAt;

    /// <exception cref="CryptographicException">A file is not what it should be.</exception>
    /// <exception cref="IOException">A file can't be read.</exception>
    public ServerCertificates(TlsSettings settings, TimeProvider time)
    {
        _settings = settings;
        _time = time;
        _stamp = Stamp();
        _current = Load();
        _lookedAt = time.GetTimestamp();
        Mapping = PrincipalMapping.TryParse(settings.PrincipalMappingRules, out PrincipalMapping mapping) is { } wrong
            ? throw new ArgumentException(wrong, nameof(settings))
            : mapping;
    }

    public TlsSettings Settings => _settings;

    public PrincipalMapping Mapping { get; }

    /// <summary>Certificates are read before there are logs; whoever has some gives them.</summary>
    public ILogger Logger { get; set; } = NullLogger.Instance;

    public CertificateSet Current
    {
        get
        {
            if (_time.GetElapsedTime(Volatile.Read(ref _lookedAt)) >= _settings.ReloadInterval)
            {
                lock (_gate)
                {
                    Reload();
                }
            }

            return _current;
        }
    }

    /// <summary>What a server of TLS is to be told.</summary>
    public SslServerAuthenticationOptions Options()
    {
        CertificateSet set = Current;
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = set.Context,
            ClientCertificateRequired = _settings.ClientAuth != ClientCertificates.None,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => Accepts(set, certificate as X509Certificate2),
            AllowRenegotiation = false,
        };
    }

    /// <summary>Whether a client's certificate (or its lack) is good enough.</summary>
    public bool Accepts(CertificateSet set, X509Certificate2? certificate)
    {
        if (certificate is null || _settings.ClientAuth == ClientCertificates.None)
        {
            return _settings.ClientAuth != ClientCertificates.Required;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(set.Authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        return chain.Build(certificate);
    }

    private void Reload()
    {
        if (_time.GetElapsedTime(_lookedAt) < _settings.ReloadInterval)
        {
            return;
        }

        try
        {
            string stamp = Stamp();
            if (stamp != _stamp)
            {
                _current = Load();
                _stamp = stamp;
                LogReloaded(Logger, _current.Certificate.Subject, _current.Certificate.NotAfter);
            }
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            LogKept(Logger, error.Message);
        }

        Volatile.Write(ref _lookedAt, _time.GetTimestamp());
    }

    private string Stamp() => string.Join('|', ((string[])[_settings.Certificate, _settings.Key, _settings.ClientCa])
        .Where(file => file.Length > 0).Select(file => new FileInfo(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file))
        .Select(file => $"{file.FullName}:{file.Length}:{file.LastWriteTimeUtc.Ticks}"));

    private CertificateSet Load()
    {
        X509Certificate2 certificate = _settings.KeyPassword.Length > 0
            ? X509Certificate2.CreateFromEncryptedPemFile(_settings.Certificate, _settings.KeyPassword, _settings.Key)
            : X509Certificate2.CreateFromPemFile(_settings.Certificate, _settings.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_settings.Certificate);
        chain.RemoveAt(0);
        var authorities = new X509Certificate2Collection();
        if (_settings.ClientCa.Length > 0)
        {
            authorities.ImportFromPemFile(_settings.ClientCa);
        }

        return new CertificateSet(SslStreamCertificateContext.Create(certificate, chain, offline: true), certificate, authorities);
    }

    [LoggerMessage(221, LogLevel.Information, "the certificate {Subject} was read anew: it is good until {Until:u}")]
    private static partial void LogReloaded(ILogger logger, string subject, DateTime until);

    [LoggerMessage(222, LogLevel.Error, "the changed certificate can't be used, the last one stays in use: {Reason}")]
    private static partial void LogKept(ILogger logger, string reason);
}
