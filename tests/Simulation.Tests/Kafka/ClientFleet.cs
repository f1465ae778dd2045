using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Network;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Simulation.Kafka;

/// <summary>How many clients of which kind there are.</summary>
internal sealed record FleetPlan(int Partitions, int Producers, int Readers, int Members, ProducerPlan Producer)
{
    /// <summary>Null for no transactions.</summary>
    public TransactionPlan? Transactions { get; init; }

    /// <summary>Of a group of the consumer protocol, beside the classic one.</summary>
    public int AssignedMembers { get; init; }
}

/// <summary>All clients of a scenario over one topic, and what they know together.</summary>
/// <remarks>Owner: the scenario. Every client is a process of its own on a host of its own.</remarks>
internal sealed class ClientFleet(
    SimulatedWorld world, SimulatedNetwork network, FleetPlan plan, IReadOnlyList<(string Host, int Port)> bootstrap, bool oneLeader)
{
    public const string Topic = "events";
    private const string GroupId = "group";
    private const string AssignedGroupId = "assigned";

    private readonly List<IdempotentProducer> _producers = [];
    private readonly List<Task> _producing = [];
    private readonly List<(GroupMember Member, SimulatedProcess Process, Task Work)> _members = [];
    private readonly List<(AssignedMember Member, SimulatedProcess Process, Task Work)> _assigned = [];
    private readonly List<string> _hosts = [];
    private readonly List<KafkaClient> _clients = [];
    private bool _stopReading;
    private string _doing = "producing";
    private int _churned;

    /// <summary>How many batches readers were given by brokers of their racks.</summary>
    public long ReadNearby => _clients.Sum(static client => client.ReadNearby);

    public IReadOnlyList<PartitionModel> Partitions { get; } =
        [.. Enumerable.Range(0, plan.Partitions).Select(index => new PartitionModel(index, oneLeader, world.Fail))];

    public GroupModel Group { get; } = new(world);

    public AssignedModel Assigned { get; } = new(world);

    /// <summary>Those that write transactions, and read them; null when there are none.</summary>
    public TransactionFleet? Transactions { get; } =
        plan.Transactions is { } transactions ? new TransactionFleet(world, network, transactions, bootstrap) : null;

    public IReadOnlyList<string> Hosts => [.. _hosts, .. Transactions?.Hosts ?? []];

    /// <summary>Makes the topic, from a client, and starts everybody.</summary>
    public async Task StartAsync()
    {
        SimulatedProcess admin = world.StartProcess("admin");
        await world.GuardAsync(admin.Run(() => CreateTopicAsync(Client("admin", admin), Topic, plan.Partitions)));
        if (plan.Transactions is { } transactional)
        {
            SimulatedProcess ledger = world.StartProcess("ledger admin");
            await world.GuardAsync(ledger.Run(
                () => CreateTopicAsync(Client("admin", ledger), TransactionFleet.Topic, transactional.Partitions)));
            Transactions!.Start();
        }

        for (int index = 0; index < plan.Producers; index++)
        {
            SimulatedProcess process = Start($"producer {index}");
            var producer = new IdempotentProducer(Client(process.Name, process), index, plan.Producer, Partitions);
            _producers.Add(producer);
            _producing.Add(world.GuardAsync(process.Run(producer.RunAsync)));
        }

        for (int index = 0; index < plan.Readers; index++)
        {
            SimulatedProcess process = Start($"reader {index}");
            foreach (PartitionModel partition in Partitions)
            {
                var reader = new LogReader(Client(process.Name, process), partition, 0, lane: 0);
                _ = world.GuardAsync(process.Run(() => FollowAsync(reader)));
            }
        }

        for (int index = 0; index < plan.Members; index++)
        {
            StartMember($"member {index}");
        }

        for (int index = 0; index < plan.AssignedMembers; index++)
        {
            StartAssigned($"assigned {index}");
        }
    }

    /// <summary>A consumer dies, and another one comes in its place.</summary>
    public void ReplaceMember(Random random)
    {
        if (_members.Count > 0)
        {
            int index = random.Next(_members.Count);
            _members[index].Process.Kill("consumer crash");
            _members.RemoveAt(index);
            StartMember($"member {_hosts.Count}");
        }
    }

    /// <summary>As <see cref="ReplaceMember"/>, of the other group.</summary>
    public void ReplaceAssigned(Random random)
    {
        if (_assigned.Count > 0)
        {
            int index = random.Next(_assigned.Count);
            _assigned[index].Process.Kill("consumer crash");
            _assigned.RemoveAt(index);
            StartAssigned($"assigned {_hosts.Count}");
        }
    }

    /// <summary>Somebody makes a topic of their own, and deletes it a little later.</summary>
    public void ChurnTopic(Random random)
    {
        string topic = $"passing-{_churned++}";
        int partitions = random.Next(1, 4);
        SimulatedProcess process = world.StartProcess($"admin of {topic}");
        _producing.Add(world.GuardAsync(process.Run(async () =>
        {
            KafkaClient client = Client("admin", process);
            await CreateTopicAsync(client, topic, partitions);
            await process.DelayAsync(TimeSpan.FromMilliseconds(random.Next(4000)));
            Group.TopicWasDeleted = true;
            Assigned.Commits.TopicWasDeleted = true;
            await DeleteTopicAsync(client, topic);
            client.Close();
        })));
    }

    /// <summary>Ends when every record of every producer was acknowledged, and every other errand is done.</summary>
    public async Task WhenProducedAsync()
    {
        await Task.WhenAll(_producing);
        await (Transactions?.WhenDoneAsync() ?? Task.CompletedTask);
    }

    /// <summary>Who has not come to its end, for the report on a hang.</summary>
    public string Describe() => string.Join("; ",
    [
        $"doing: {_doing}",
        Transactions?.Describe() ?? "",
        .. _producers.Where(static producer => !producer.IsDone).Select(static producer => producer.Describe()),
        .. _assigned.Where(static member => !member.Work.IsCompleted).Select(static member => $"{member.Process.Name} {member.Member.Doing}"),
        .. _members.Where(static member => !member.Work.IsCompleted).Select(static member => $"{member.Process.Name} {member.Member.Doing}"),
    ]);

    /// <summary>Reads everything from the start and compares; has members commit and leave; asks what is committed.</summary>
    public async Task CheckAllAsync()
    {
        _stopReading = true;
        SimulatedProcess process = world.StartProcess("checker");
        await world.GuardAsync(process.Run(async () =>
        {
            KafkaClient client = Client("checker", process);
            foreach (PartitionModel partition in Partitions)
            {
                _doing = $"reading partition {partition.Partition}";
                await ReadAllAsync(client, partition);
            }

            _doing = "stopping members";
            await StopMembersAsync();
            _doing = "asking for commits";
            await CheckCommitsAsync(client, GroupId, Group, plan.Members);
            await CheckCommitsAsync(client, AssignedGroupId, Assigned.Commits, plan.AssignedMembers);
            _doing = "reading transactions";
            await (Transactions?.CheckAsync(process) ?? Task.CompletedTask);
            client.Close();
            _doing = "nothing more";
        }));
        world.Trace.Note("client.checked", Partitions.Sum(static partition => partition.KnownEnd), Group.StableGeneration);
    }

    private async Task ReadAllAsync(KafkaClient client, PartitionModel partition)
    {
        var reader = new LogReader(client, partition, 0, lane: 0);
        while (reader.Offset < partition.KnownEnd)
        {
            await reader.FetchAsync(waitMs: 100, bytesMax: 64 * 1024);
        }

        partition.CheckComplete(reader.Offset);
        foreach (IdempotentProducer producer in _producers)
        {
            partition.CheckProducer(producer.Number, producer.SentTo(partition.Partition));
        }
    }

    private async Task StopMembersAsync()
    {
        foreach ((GroupMember member, _, _) in _members)
        {
            member.Stop();
        }

        _assigned.ForEach(static member => member.Member.Stop());
        foreach (Task work in _members.Select(static member => member.Work).Concat(_assigned.Select(static member => member.Work)))
        {
            await work;
        }
    }

    private async Task CheckCommitsAsync(KafkaClient client, string groupId, GroupModel model, int members)
    {
        var coordination = new GroupCoordination(client, groupId);
        foreach (PartitionModel partition in members == 0 ? [] : Partitions)
        {
            while (true)
            {
                long askedAtStep = world.Scheduler.Steps;
                if (await coordination.FindAsync() && await coordination.FetchAsync(partition.Partition) is { } fetched)
                {
                    model.Fetched(partition.Partition, fetched, askedAtStep);
                    break;
                }

                await client.Host.BackOffAsync();
            }
        }
    }

    private async Task FollowAsync(LogReader reader)
    {
        while (!_stopReading)
        {
            await reader.FetchAsync(waitMs: 500, bytesMax: 8 * 1024);
        }
    }

    private static async Task DeleteTopicAsync(KafkaClient client, string topic)
    {
        var request = new DeleteTopicsRequest { TopicNames = [topic], Topics = [], TimeoutMs = KafkaClient.RequestTimeoutMs };
        while (true)
        {
            DeleteTopicsResponse answer = await client.CallAnyAsync<DeleteTopicsRequest, DeleteTopicsResponse>(request, 4);
            var error = (KafkaError)answer.Responses[0].ErrorCode;
            if (error == KafkaError.None)
            {
                return;
            }

            // It may have been deleted by a try whose answer was lost, or the broker may not have heard of it yet.
            Retriable.Require(error, "DeleteTopics");
            if (error == KafkaError.UnknownTopicOrPartition)
            {
                return;
            }

            await client.Host.BackOffAsync();
        }
    }

    private static async Task CreateTopicAsync(KafkaClient client, string topic, int partitions)
    {
        var request = new CreateTopicsRequest
        {
            Topics = [new() { Name = topic, NumPartitions = partitions, ReplicationFactor = -1, Assignments = [], Configs = [] }],
            TimeoutMs = KafkaClient.RequestTimeoutMs,
        };
        while (true)
        {
            CreateTopicsResponse answer = await client.CallAnyAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 5);
            var error = (KafkaError)answer.Topics[0].ErrorCode;
            if (error is KafkaError.None or KafkaError.TopicAlreadyExists)
            {
                return;
            }

            Retriable.Require(error, "CreateTopics");
            await client.Host.BackOffAsync();
        }
    }

    private void StartMember(string name)
    {
        SimulatedProcess process = Start(name);
        var member = new GroupMember(Client(name, process), GroupId, Group, Partitions);
        _members.Add((member, process, world.GuardAsync(process.Run(member.RunAsync))));
    }

    private void StartAssigned(string name)
    {
        SimulatedProcess process = Start(name);
        var member = new AssignedMember(Client(name, process), AssignedGroupId, name, Assigned, Partitions);
        _assigned.Add((member, process, world.GuardAsync(process.Run(member.RunAsync))));
    }

    private SimulatedProcess Start(string name)
    {
        _hosts.Add(name);
        return world.StartProcess(name);
    }

    private KafkaClient Client(string name, SimulatedProcess process)
    {
        var client = new KafkaClient(new ClientHost(world, network, process, name, bootstrap), Topic);
        _clients.Add(client);
        return client;
    }
}
