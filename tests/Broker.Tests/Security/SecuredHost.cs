using Confluent.Kafka;
using PipeRoll.Broker.Groups;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Tests.Support;

namespace PipeRoll.Broker.Tests.Security;

/// <summary>A broker with an administrator, and clients of it.</summary>
internal static class SecuredHost
{
    public const string Admin = "admin";
    public const string Password = "admin-secret";

    public static BrokerOptions Options => BrokerHost.Options with
    {
        // Tests that move the clock by a minute do so while an answer may still be on its way.
        StalledTransferMs = 3_600_000,
        Groups = new GroupOptions { InitialRebalanceDelayMs = 0 },
        Security = new SecurityOptions { AdminUser = Admin, AdminPassword = Password, FailedAuthenticationDelayMs = 1 },
    };

    public static Task<BrokerHost> StartAsync(SecurityOptions? security = null, TimeProvider? time = null) => BrokerHost.StartAsync(
        security is null
            ? Options
            : Options with { Security = security with { AdminUser = Admin, AdminPassword = Password, FailedAuthenticationDelayMs = 1 } },
        time: time);

    public static T As<T>(this T config, BrokerHost host, string user, string password, SaslMechanism mechanism = SaslMechanism.ScramSha256)
        where T : ClientConfig
    {
        config.BootstrapServers = host.Bootstrap;
        config.SecurityProtocol = SecurityProtocol.SaslPlaintext;
        config.SaslMechanism = mechanism;
        config.SaslUsername = user;
        config.SaslPassword = password;
        return config;
    }

    public static IAdminClient AdminClient(this BrokerHost host, string user = Admin, string password = Password) =>
        new AdminClientBuilder(new AdminClientConfig().As(host, user, password)).Build();

    public static async Task AddUserAsync(this BrokerHost host, string user, string password)
    {
        ScramCredential[] credentials =
        [
            .. new[] { ScramMechanism.Sha256, ScramMechanism.Sha512 }
                .Select(mechanism => ScramCredential.FromPassword(mechanism, password, Guid.NewGuid().ToByteArray(), 4096)),
        ];
        await host.Services.Security.Directory.AlterCredentialsAsync(
            "User:test", [.. credentials.Select(credential => credential.ToRecord(user))], [], CancellationToken.None);
    }

    public static ValueTask AllowAsync(
        this BrokerHost host, string user, AclOperation operation, ResourceType type, string name, PatternType pattern = PatternType.Literal) =>
        host.Services.Security.Directory.CreateAclsAsync(
            "User:test", [new AclEntry(type, name, pattern, "User:" + user, "*", operation, AclPermission.Allow)], CancellationToken.None);
}
