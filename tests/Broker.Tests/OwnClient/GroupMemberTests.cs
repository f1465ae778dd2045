using Confluent.Kafka;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Tests.Security;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Client;

namespace PipeRoll.Broker.Tests.OwnClient;

/// <summary>Members of the client of our own share a group with each other, and with librdkafka's; and they log in.</summary>
public sealed class GroupMemberTests
{
    private const int Partitions = 5;

    private static BrokerOptions Quick => BrokerHost.Options with { Groups = new() { SessionTimeoutMinMs = 100, InitialRebalanceDelayMs = 20 } };

    [Fact]
    public async Task MembersShareThePartitionsAndTakeOverFromThoseThatLeave()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Quick);
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var one = new GroupMember(cluster, new Client.GroupOptions("g", "t", 6_000, 60_000, null));
        Assert.Equal(Enumerable.Range(0, Partitions), await one.JoinAsync(CancellationToken.None));
        await using var otherCluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var two = new GroupMember(otherCluster, new Client.GroupOptions("g", "t", 6_000, 60_000, null));
        Task<IReadOnlyList<int>> joining = two.JoinAsync(CancellationToken.None);
        await BrokerHost.UntilAsync(() => one.IsRebalancing);
        IReadOnlyList<int>[] shares = await Task.WhenAll(one.JoinAsync(CancellationToken.None), joining);
        Assert.Equal([2, 3], shares.Select(static share => share.Count).Order());
        Assert.Equal(Enumerable.Range(0, Partitions), shares.SelectMany(static share => share).Order());
        await two.LeaveAsync(CancellationToken.None);
        await BrokerHost.UntilAsync(() => one.IsRebalancing);
        Assert.Equal(Enumerable.Range(0, Partitions), await one.JoinAsync(CancellationToken.None));
    }

    [Fact]
    public async Task AMemberWhoseOwnerHangsLeavesByItself()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Quick);
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var member = new GroupMember(cluster, new Client.GroupOptions("g", "t", 1_000, 500, null));
        await member.JoinAsync(CancellationToken.None);
        await BrokerHost.UntilAsync(() => member.IsLost);
        Assert.Equal(Enumerable.Range(0, Partitions), await member.JoinAsync(CancellationToken.None));
    }

    [Fact]
    public async Task OneOfLibrdkafkasSharesAGroupWithOneOfOurs()
    {
        await using BrokerHost host = await BrokerHost.StartAsync(Quick);
        await host.CreateTopicAsync("t", Partitions);
        await using var cluster = new KafkaCluster(new ClientSettings(host.Bootstrap, "test"));
        await using var ours = new GroupMember(cluster, new Client.GroupOptions("g", "t", 6_000, 60_000, null));
        IReadOnlyList<int> own = await ours.JoinAsync(CancellationToken.None);
        using IConsumer<Ignore, Ignore> theirs = new ConsumerBuilder<Ignore, Ignore>(new ConsumerConfig
        {
            BootstrapServers = host.Bootstrap,
            GroupId = "g",
            PartitionAssignmentStrategy = PartitionAssignmentStrategy.Range,
        }).Build();
        theirs.Subscribe("t");
        await BrokerHost.UntilAsync(async () =>
        {
            theirs.Consume(20);
            own = ours.IsRebalancing ? await Joined() : own;
            return theirs.Assignment.Count > 0;
        });
        Assert.Equal(Enumerable.Range(0, Partitions), own.Concat(theirs.Assignment.Select(static each => each.Partition.Value)).Order());

        async Task<IReadOnlyList<int>> Joined()
        {
            Task<IReadOnlyList<int>> joining = ours.JoinAsync(CancellationToken.None);
            while (!joining.IsCompleted)
            {
                theirs.Consume(20);
            }

            return await joining;
        }
    }

    [Theory]
    [InlineData("PLAIN")]
    [InlineData("SCRAM-SHA-256")]
    [InlineData("SCRAM-SHA-512")]
    public async Task AUserLogsInAndIsToldWhatHeMayNot(string mechanism)
    {
        await using BrokerHost host = await BrokerHost.StartAsync(SecuredHost.Options, security: new SecurityDependencies(new MemorySecurityCatalog()));
        await host.CreateTopicAsync("t", Partitions);
        await using KafkaCluster admin = Cluster(host, mechanism, SecuredHost.Password);
        await using var member = new GroupMember(admin, new Client.GroupOptions("g", "t", 10_000, 60_000, null));
        Assert.Equal(Enumerable.Range(0, Partitions), await member.JoinAsync(CancellationToken.None));
        await member.LeaveAsync(CancellationToken.None);
        await using KafkaCluster guessing = Cluster(host, mechanism, "guessed");
        await using var refused = new GroupMember(guessing, new Client.GroupOptions("g", "t", 10_000, 60_000, null));
        ClientException error = await Assert.ThrowsAsync<ClientException>(() => refused.JoinAsync(CancellationToken.None));
        Assert.Contains($"does not let {SecuredHost.Admin} in", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("security.protocol", "sasl", "security.protocol 'sasl' is none")]
    [InlineData("ssl.keystore.location", "x", "ssl.keystore.location is not known")]
    public void WhatIsNotUnderstoodIsNotPassedOver(string name, string value, string message)
    {
        ClientException error = Assert.Throws<ClientException>(
            () => new ClientSettings("localhost:1", "test").WithSecurity(new Dictionary<string, string> { [name] = value }));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static KafkaCluster Cluster(BrokerHost host, string mechanism, string password) => new(new ClientSettings(host.Bootstrap, "test").WithSecurity(
        new Dictionary<string, string>
        {
            ["security.protocol"] = "SASL_PLAINTEXT",
            ["sasl.mechanisms"] = mechanism,
            ["sasl.username"] = SecuredHost.Admin,
            ["sasl.password"] = password,
        }));
}
