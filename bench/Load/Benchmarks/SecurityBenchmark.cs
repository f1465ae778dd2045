using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Confluent.Kafka;
using Confluent.Kafka.Admin;

namespace PipeRoll.Load.Benchmarks;

/// <summary>
/// Produce over TLS, by a user who logged in by SCRAM and whom one of a thousand access control entries lets write, against produce in the
/// clear by nobody: two servers on the same device, in turn.
/// </summary>
internal static class SecurityBenchmark
{
    private const int MiB = 1 << 20;
    private const int Rounds = 5;
    private const int Entries = 1_000;
    private const string Administrator = "admin";
    private const string User = "bench";
    private const string Password = "s3cret";

    public static void Produce(BenchContext context)
    {
        string folder = context.Folder("security");
        (string authority, string certificate, string key) = WriteCertificates(folder);
        using BenchServer plain = BenchServer.Run(Path.Combine(folder, "plain"));
        using BenchServer secured = BenchServer.Run(
            Path.Combine(folder, "secured"), $"security/admin.user={Administrator}", $"security/admin.password={Password}",
            $"tls/certificate={certificate}", $"tls/key={key}", "tls/http=false");
        foreach ((int partitions, int recordsPerBatch) in new[] { (1, 256), (100, 10) })
        {
            string topic = $"load-{partitions}";
            Admin.CreateTopic(plain.Bootstrap, topic, partitions);
            Prepare(secured.Bootstrap, authority, topic, partitions);
            var login = new BenchLogin(authority, User, Password);
            var clear = ProduceLoad.Together(plain.KafkaPort, topic, partitions, recordsPerBatch);
            ProduceLoad safe = ProduceLoad.Together(secured.KafkaPort, topic, partitions, recordsPerBatch) with { Login = login };
            clear.RunClosed(window: 16, context.Scale(3), out _);
            safe.RunClosed(window: 16, context.Scale(3), out _);
            List<double> clearRates = [];
            List<double> safeRates = [];
            (double clearBefore, double safeBefore) = (plain.CpuSeconds, secured.CpuSeconds);
            for (int round = 0; round < Rounds; round++)
            {
                clearRates.Add(clear.RunClosed(window: 16, context.Scale(10) / Rounds, out _) / MiB);
                safeRates.Add(safe.RunClosed(window: 16, context.Scale(10) / Rounds, out _) / MiB);
            }

            double seconds = context.Scale(10).TotalSeconds / Rounds / 1024;
            string name = $"{partitions} partition{(partitions == 1 ? "" : "s")}";
            context.Report.Add("security", $"{name}: in the clear, nobody defined", Percentiles.Median(clearRates), "MiB/s");
            context.Report.Add("security", $"{name}: TLS, SCRAM, {Entries:N0} entries", Percentiles.Median(safeRates), "MiB/s");
            context.Report.Add(
                "security", $"{name}: ratio", Percentiles.Median([.. safeRates.Zip(clearRates, static (safe, clear) => safe / clear)]), "x");
            context.Report.Add(
                "security", $"{name}: server's processor time, in the clear", (plain.CpuSeconds - clearBefore) / (clearRates.Sum() * seconds), "s/GiB");
            context.Report.Add(
                "security", $"{name}: server's processor time, secured", (secured.CpuSeconds - safeBefore) / (safeRates.Sum() * seconds), "s/GiB");
        }
    }

    private static void Prepare(string bootstrap, string authority, string topic, int partitions)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig
        {
            BootstrapServers = bootstrap,
            SecurityProtocol = SecurityProtocol.SaslSsl,
            SslCaLocation = authority,
            SslEndpointIdentificationAlgorithm = SslEndpointIdentificationAlgorithm.None,
            SaslMechanism = SaslMechanism.ScramSha256,
            SaslUsername = Administrator,
            SaslPassword = Password,
        }).Build();
        admin.AlterUserScramCredentialsAsync(
        [
            new UserScramCredentialUpsertion
            {
                User = User,
                ScramCredentialInfo = new ScramCredentialInfo { Mechanism = ScramMechanism.ScramSha256, Iterations = 4096 },
                Password = Encoding.UTF8.GetBytes(Password),
            },
        ]).Wait();
        admin.CreateAclsAsync([.. Enumerable.Range(0, Entries - 1).Select(i => Entry($"other{i}", ResourcePatternType.Prefixed)), Entry("load", ResourcePatternType.Prefixed)]).Wait();
        admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = partitions }]).Wait();
    }

    private static AclBinding Entry(string name, ResourcePatternType pattern) => new()
    {
        Pattern = new ResourcePattern { Type = ResourceType.Topic, Name = name, ResourcePatternType = pattern },
        Entry = new AccessControlEntry
        {
            Principal = $"User:{User}",
            Host = "*",
            Operation = AclOperation.Write,
            PermissionType = AclPermissionType.Allow,
        },
    };

    private static (string Authority, string Certificate, string Key) WriteCertificates(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(5));
        (string Certificate, string Key) files = (Path.Combine(folder, "server.pem"), Path.Combine(folder, "server.key"));
        File.WriteAllText(files.Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(files.Key, key.ExportPkcs8PrivateKeyPem());
        return (files.Certificate, files.Certificate, files.Key);
    }
}
