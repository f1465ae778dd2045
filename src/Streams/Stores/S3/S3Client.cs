using System.Net;
using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using AwsHttpClientFactory = Amazon.Runtime.HttpClientFactory;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>The SDK's client with the settings that every store we know of takes.</summary>
/// <remarks>
/// No retries of the SDK's: those of <see cref="BudgetedObjectStore"/> know the priority and give their place away while they wait. Every
/// attempt is timed out by a token, so the SDK's own limit is off. An access key without a secret is refused by <see
/// cref="S3StoreOptions.Validate"/>.
/// </remarks>
internal sealed class S3Client : IDisposable
{
    private readonly HttpClients _http;

    public S3Client(S3StoreOptions options, TimeProvider time)
    {
        Clock = new S3Clock(time);
        _http = new HttpClients(options, Clock);
        var config = new AmazonS3Config
        {
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.ForcePathStyle,
            MaxErrorRetry = 0,
            ThrottleRetries = false,
            Timeout = Timeout.InfiniteTimeSpan,
            HttpClientFactory = _http,

            // Ceph's gateway refuses the SDK's default (trailing checksums); Content-MD5 guards what is written, CRC32C in our formats what
            // is read.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (options.Endpoint is { } endpoint)
        {
            config.ServiceURL = endpoint;
        }
        else
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(options.Region);
        }

        S3 = (options.AccessKey, options.SecretKey, options.SessionToken) switch
        {
            ({ } key, { } secret, null) => new AmazonS3Client(new BasicAWSCredentials(key, secret), config),
            ({ } key, { } secret, { } token) => new AmazonS3Client(new SessionAWSCredentials(key, secret, token), config),
            _ => new AmazonS3Client(config),
        };
    }

    public IAmazonS3 S3 { get; }

    public S3Clock Clock { get; }

    public void Dispose()
    {
        S3.Dispose();
        _http.Dispose();
    }

    private sealed class HttpClients : AwsHttpClientFactory, IDisposable
    {
        private readonly HttpClient _client;

        public HttpClients(S3StoreOptions options, S3Clock clock)
        {
            bool loopback = options.Endpoint is { } endpoint && new Uri(endpoint).IsLoopback;
            var sockets = new SocketsHttpHandler
            {
                MaxConnectionsPerServer = options.ConnectionsMax,
                ConnectTimeout = options.AttemptTimeout,
                PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),

                // Long-lived connections would never notice that the store's name moved to another machine.
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                UseProxy = !loopback,
                UseCookies = false,
                AllowAutoRedirect = false,
                AutomaticDecompression = DecompressionMethods.None,
            };
            _client = new HttpClient(new RequestHandler(clock) { InnerHandler = sockets }) { Timeout = Timeout.InfiniteTimeSpan };
        }

        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => _client;

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => false;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;

        public void Dispose() => _client.Dispose();
    }

    private sealed class RequestHandler(S3Clock clock) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            // Asking before sending costs a round trip in front of every acknowledgement.
            request.Headers.ExpectContinue = false;
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            clock.Saw(response.Headers.Date);
            return response;
        }
    }
}
