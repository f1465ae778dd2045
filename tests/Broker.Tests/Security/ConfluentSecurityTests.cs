using Confluent.Kafka;
using Confluent.Kafka.Admin;
using PipeRoll.Broker.Tests.Support;
using AclOperation = PipeRoll.Broker.Security.AclOperation;
using PatternType = PipeRoll.Broker.Security.PatternType;
using ResourceType = PipeRoll.Broker.Security.ResourceType;

namespace PipeRoll.Broker.Tests.Security;

/// <summary>SASL and access control entries with a client that nobody here wrote.</summary>
public sealed class ConfluentSecurityTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(SaslMechanism.Plain)]
    [InlineData(SaslMechanism.ScramSha256)]
    [InlineData(SaslMechanism.ScramSha512)]
    public async Task A_user_with_the_right_password_does_what_he_may(SaslMechanism mechanism)
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.CreateTopicAsync("orders");
        await host.AddUserAsync("alice", "secret");
        await host.AllowAsync("alice", AclOperation.Write, ResourceType.Topic, "orders");
        await host.AllowAsync("alice", AclOperation.Read, ResourceType.Topic, "ord", PatternType.Prefixed);
        await host.AllowAsync("alice", AclOperation.Read, ResourceType.Group, "readers");

        using (IProducer<Null, string> producer = new ProducerBuilder<Null, string>(
            new ProducerConfig { EnableIdempotence = true }.As(host, "alice", "secret", mechanism)).Build())
        {
            DeliveryResult<Null, string> sent = await producer.ProduceAsync("orders", new Message<Null, string> { Value = "one" });
            Assert.Equal(0, sent.Offset.Value);
        }

        using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig
        {
            GroupId = "readers",
            AutoOffsetReset = AutoOffsetReset.Earliest,
        }.As(host, "alice", "secret", mechanism)).Build();
        consumer.Subscribe("orders");
        Assert.Equal("one", consumer.Consume(Patience).Message.Value);
        consumer.Close();
        Assert.Empty(host.Logs.Errors);
    }

    [Fact]
    public async Task A_wrong_password_is_refused_and_audited()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        foreach (SaslMechanism mechanism in (SaslMechanism[])[SaslMechanism.Plain, SaslMechanism.ScramSha512])
        {
            Assert.Equal(ErrorCode.Local_Authentication, await FirstErrorAsync(host, "admin", "wrong", mechanism));
            Assert.Equal(ErrorCode.Local_Authentication, await FirstErrorAsync(host, "nobody", "wrong", mechanism));
        }

        Assert.Contains(host.Logs.Lines, line => line.Contains("AuthenticationFailed: User:nobody at 127.0.0.1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_no_entry_allows_is_refused_and_audited()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.CreateTopicAsync("orders");
        await host.AddUserAsync("bob", "secret");
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig().As(host, "bob", "secret")).Build();

        ProduceException<Null, string> refused = await Assert.ThrowsAsync<ProduceException<Null, string>>(
            () => producer.ProduceAsync("orders", new Message<Null, string> { Value = "one" }));

        Assert.Equal(ErrorCode.TopicAuthorizationFailed, refused.Error.Code);
        Assert.Contains(host.Logs.Lines, line => line.Contains("Denied: User:bob at 127.0.0.1 may not Describe Topic 'orders'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_first_user_is_the_administrator_and_from_then_on_nobody_is_anonymous()
    {
        await using BrokerHost host = await BrokerHost.StartAsync();
        using (IAdminClient anonymous = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = host.Bootstrap }).Build())
        {
            await anonymous.AlterUserScramCredentialsAsync([Upsertion("alice", "secret")]);
        }

        using IAdminClient alice = host.AdminClient("alice", "secret");
        await alice.CreateTopicsAsync([new TopicSpecification { Name = "orders", NumPartitions = 1 }]);
        await alice.AlterUserScramCredentialsAsync([Upsertion("bob", "b")]);
        DescribeUserScramCredentialsResult users = await alice.DescribeUserScramCredentialsAsync([]);
        Assert.Equal(["alice", "bob"], users.UserScramCredentialsDescriptions.Select(user => user.User));
        using IAdminClient stranger = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = host.Bootstrap }).Build();
        Assert.Throws<KafkaException>(() => stranger.GetMetadata(TimeSpan.FromSeconds(1)));
        using IAdminClient bob = host.AdminClient("bob", "b");
        CreateTopicsException refused = await Assert.ThrowsAsync<CreateTopicsException>(
            () => bob.CreateTopicsAsync([new TopicSpecification { Name = "mine", NumPartitions = 1 }]));
        Assert.Equal(ErrorCode.TopicAuthorizationFailed, refused.Results[0].Error.Code);
    }

    [Fact]
    public async Task Entries_are_made_listed_and_taken_away()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        using IAdminClient admin = host.AdminClient();
        AclBinding binding = new()
        {
            Pattern = new ResourcePattern
            {
                Type = Confluent.Kafka.Admin.ResourceType.Topic,
                Name = "ord",
                ResourcePatternType = ResourcePatternType.Prefixed,
            },
            Entry = new AccessControlEntry
            {
                Principal = "User:alice",
                Host = "*",
                Operation = Confluent.Kafka.Admin.AclOperation.Read,
                PermissionType = AclPermissionType.Allow,
            },
        };

        await admin.CreateAclsAsync([binding]);
        DescribeAclsResult found = await admin.DescribeAclsAsync(Filter("orders", ResourcePatternType.Match));
        List<DeleteAclsResult> deleted = await admin.DeleteAclsAsync([Filter("ord", ResourcePatternType.Prefixed)]);

        Assert.Equal([binding], found.AclBindings);
        Assert.Equal([binding], deleted[0].AclBindings);
        Assert.Empty((await admin.DescribeAclsAsync(Filter(null, ResourcePatternType.Any))).AclBindings);
    }

    [Fact]
    public async Task Whoever_is_taken_away_is_cut_off()
    {
        await using BrokerHost host = await SecuredHost.StartAsync();
        await host.AddUserAsync("bob", "secret");
        using IAdminClient bob = host.AdminClient("bob", "secret");
        Assert.NotEmpty(bob.GetMetadata(Patience).Brokers);

        await host.Services.Security.Directory.AlterCredentialsAsync("User:admin", [], [("bob", 1), ("bob", 2)], CancellationToken.None);

        Assert.Throws<KafkaException>(() => bob.GetMetadata(TimeSpan.FromSeconds(2)));
        // By the connection that it had, or by the next one that it opened.
        Assert.Contains(host.Logs.Lines, line => line.Contains("AuthenticationFailed: User:bob", StringComparison.Ordinal));
    }

    private static UserScramCredentialUpsertion Upsertion(string user, string password) => new()
    {
        User = user,
        ScramCredentialInfo = new ScramCredentialInfo { Mechanism = ScramMechanism.ScramSha256, Iterations = 4096 },
        Password = System.Text.Encoding.UTF8.GetBytes(password),
    };

    private static AclBindingFilter Filter(string? name, ResourcePatternType pattern) => new()
    {
        PatternFilter = new ResourcePatternFilter { Type = Confluent.Kafka.Admin.ResourceType.Topic, Name = name, ResourcePatternType = pattern },
        EntryFilter = new AccessControlEntryFilter
        {
            Operation = Confluent.Kafka.Admin.AclOperation.Any,
            PermissionType = AclPermissionType.Any,
        },
    };

    private static async Task<ErrorCode> FirstErrorAsync(BrokerHost host, string user, string password, SaslMechanism mechanism)
    {
        var first = new TaskCompletionSource<ErrorCode>(TaskCreationOptions.RunContinuationsAsynchronously);
        using IProducer<Null, string> producer = new ProducerBuilder<Null, string>(new ProducerConfig().As(host, user, password, mechanism))
            .SetErrorHandler((_, error) => first.TrySetResult(error.Code)).Build();
        return await first.Task.WaitAsync(Patience);
    }
}
