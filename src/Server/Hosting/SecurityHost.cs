using System.Security.Cryptography;
using PipeRoll.Broker.Network;
using PipeRoll.Broker.Security;
using PipeRoll.Server.Tls;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Server.Hosting;

/// <summary>What both kinds of server do about security.</summary>
internal static class SecurityHost
{
    private static readonly TimeSpan KeySetPatience = TimeSpan.FromSeconds(10);

    /// <returns>Null when there is no TLS.</returns>
    /// <exception cref="ServerStartException">The files can't be used.</exception>
    public static ServerCertificates? Certificates(ServerSettings settings)
    {
        if (!settings.Tls.IsOn)
        {
            return null;
        }

        try
        {
            return new ServerCertificates(settings.Tls, TimeProvider.System);
        }
        catch (Exception wrong) when (wrong is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ServerStartException(
                $"the certificate {settings.Tls.Certificate} with the key {settings.Tls.Key} can't be used: {wrong.Message}", wrong);
        }
    }

    public static SecurityDependencies Dependencies(ServerSettings settings, IMetadataStore metadata) => new(
        metadata as ISecurityCatalog,
        settings.Broker.Security.OauthJwks is { Length: > 0 } source ? cancellation => ReadKeySetAsync(source, cancellation) : null,
        settings.Tls.ClientAuth == ClientCertificates.Required);

    /// <exception cref="System.Net.Sockets.SocketException">The port can't be listened on.</exception>
    public static IConnectionListener Listen(ServerOptions options, ServerCertificates? certificates)
    {
        var plain = new SocketListener(options.Listen, options.KafkaPort);
        return certificates is null ? plain : new TlsListener(plain, certificates, TimeProvider.System);
    }

    private static async Task<string> ReadKeySetAsync(string source, CancellationToken cancellation)
    {
        if (!source.StartsWith("http://", StringComparison.Ordinal) && !source.StartsWith("https://", StringComparison.Ordinal))
        {
            return await File.ReadAllTextAsync(source.StartsWith("file://", StringComparison.Ordinal) ? source[7..] : source, cancellation);
        }

        using var http = new HttpClient { Timeout = KeySetPatience, MaxResponseContentBufferSize = 1024 * 1024 };
        try
        {
            return await http.GetStringAsync(new Uri(source), cancellation);
        }
        catch (OperationCanceledException late) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"{source} did not answer in time", late);
        }
    }
}
