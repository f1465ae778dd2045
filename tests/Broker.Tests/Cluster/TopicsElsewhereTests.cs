using PipeRoll.Broker.Partitions;
using PipeRoll.Broker.Tests.Support;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Cluster;

public sealed class TopicsElsewhereTests
{
    private static readonly Dictionary<string, string> NoConfigs = [];

    [Fact]
    public async Task A_topic_made_elsewhere_is_there_with_its_changes_and_opened_where_it_was_placed()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        TopicDirectory first = pair.First.Services!.Topics;
        TopicDirectory second = pair.Second.Services!.Topics;
        pair.FirstView.Place = index => 1 + (index % 2);
        await first.CreateAsync("t", 3, NoConfigs, false, "User:test", CancellationToken.None);
        Assert.Null(second.Find("t"));
        await pair.SpreadAsync();
        Assert.Equal(first.Find("t")!.Id, second.Find("t")!.Id);
        await BrokerHost.UntilAsync(() => StatesOf(second) is [PartitionState.Elsewhere, PartitionState.Open, PartitionState.Elsewhere]);
        await BrokerHost.UntilAsync(() => StatesOf(first) is [PartitionState.Open, PartitionState.Elsewhere, PartitionState.Open]);
        Assert.Equal((1, 1), (pair.Second.Status.Partitions, pair.Second.Status.PartitionsOpen));

        Partition kept = second.Find("t", 1)!;
        await second.AddPartitionsAsync("t", 4, "User:test", CancellationToken.None, [new BrokerEpoch(2)]);
        await second.SetConfigsAsync("t", _ => new Dictionary<string, string> { ["retention.ms"] = "77" }, "User:test", CancellationToken.None);
        await pair.SpreadAsync();
        Assert.Equal(4, first.Find("t")!.Partitions.Count);
        Assert.Equal(77, first.Find("t", 3)!.Settings.Retention.MaxAgeMs);
        Assert.Same(kept, second.Find("t", 1));
        await BrokerHost.UntilAsync(() => second.Find("t", 3)!.State == PartitionState.Open);
        Assert.Equal(PartitionState.Elsewhere, first.Find("t", 3)!.State);
    }

    [Fact]
    public async Task Records_that_come_before_word_of_their_topic_are_taken_in_the_order_in_which_they_were_sent()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        pair.FirstView.Place = _ => 2;
        await pair.First.Services!.Topics.CreateAsync("t", 1, NoConfigs, false, "User:test", CancellationToken.None);
        var asked = new TaskCompletionSource();
        var word = new TaskCompletionSource();
        pair.CatchUp = async () =>
        {
            asked.TrySetResult();
            await word.Task;
            await pair.SpreadAsync();
        };
        using RawClient client = await pair.ConnectAsync(2);
        int[] sent =
        [
            await client.SendAsync(Requests.Produce("t", 0, Batches.Of(2)), 9),
            await client.SendAsync(Requests.Produce("t", 0, Batches.Of(3)), 9),
            await client.SendAsync(Requests.Produce("absent", 0, Batches.Of(1)), 9),
        ];
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(15));
        Assert.Null(pair.Second.Services!.Topics.Find("t"));
        word.SetResult();
        var answers = new List<(int Correlation, KafkaError Error, long BaseOffset)>();
        for (int at = 0; at < sent.Length; at++)
        {
            (int correlation, ProduceResponse response) = await client.ReceiveAsync<ProduceResponse>(9);
            ProduceResponse.PartitionProduceResponse answer = response.Only();
            answers.Add((correlation, (KafkaError)answer.ErrorCode, answer.BaseOffset));
        }

        Assert.Equal(
            [(sent[0], KafkaError.None, 0), (sent[1], KafkaError.None, 2), (sent[2], KafkaError.UnknownTopicOrPartition, -1)], answers);
    }

    [Fact]
    public async Task A_topic_deleted_elsewhere_is_closed_by_its_leader_and_does_not_come_back_by_a_late_word()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId stream = await pair.CreateAsync("t");
        TopicDirectory first = pair.First.Services!.Topics;
        TopicDirectory second = pair.Second.Services!.Topics;
        TopicRecord late = (await pair.Catalog.ListTopicsAsync()).Single();
        List<string> forgotten = [];
        first.Deleted += topic => forgotten.Add(topic.Name);
        await second.DeleteAsync("t", "User:test", CancellationToken.None);
        Assert.Null(second.Find("t"));
        Assert.Empty(pair.Storage.Destroyed);

        await first.RemovedAsync(late.Id);
        await first.RemovedAsync(late.Id);
        Assert.Equal(["t"], forgotten);
        Assert.Null(first.Find("t"));
        Assert.Null(first.Find(stream));
        await BrokerHost.UntilAsync(() => pair.Storage.Destroyed.Contains(stream));
        await first.ApplyAsync(late);
        await second.ApplyAsync(late);
        Assert.Null(first.Find("t"));
        Assert.Null(second.Find("t"));
    }

    [Fact]
    public async Task A_topic_made_anew_under_its_old_name_replaces_it()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        StreamId before = await pair.CreateAsync("t");
        TopicDirectory second = pair.Second.Services!.Topics;
        pair.SecondView.Place = _ => 2;
        await second.DeleteAsync("t", "User:test", CancellationToken.None);
        await second.CreateAsync("t", 1, NoConfigs, false, "User:test", CancellationToken.None);
        await pair.SpreadAsync();
        Topic known = pair.First.Services!.Topics.Find("t")!;
        Assert.Equal(second.Find("t")!.Id, known.Id);
        Assert.NotEqual(before, known.Partitions[0].Identity.Stream);
        Assert.Equal(PartitionState.Elsewhere, known.Partitions[0].State);
    }

    [Fact]
    public async Task Two_brokers_that_need_the_same_topic_get_the_same_one()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        using RawClient first = await pair.ConnectAsync(1);
        using RawClient second = await pair.ConnectAsync(2);
        MetadataRequest request = new() { Topics = [new() { Name = "auto" }], AllowAutoTopicCreation = true };
        MetadataResponse one = await first.CallAsync<MetadataRequest, MetadataResponse>(request, 9);
        MetadataResponse other = await second.CallAsync<MetadataRequest, MetadataResponse>(request, 9);
        Assert.Equal((0, 0), (one.Topics[0].ErrorCode, other.Topics[0].ErrorCode));
        Assert.Equal(pair.First.Services!.Topics.Find("auto")!.Id, pair.Second.Services!.Topics.Find("auto")!.Id);
        Assert.Equal(KafkaError.TopicAlreadyExists, (await pair.Second.Services!.Topics.CreateAsync(
            "auto", 1, NoConfigs, false, "User:test", CancellationToken.None)).Error);
        TopicChange[] made = await Task.WhenAll(
            pair.First.Services.Topics.EnsureInternalAsync("__consumer_offsets", 4, NoConfigs, CancellationToken.None).AsTask(),
            pair.Second.Services.Topics.EnsureInternalAsync("__consumer_offsets", 4, NoConfigs, CancellationToken.None).AsTask());
        Assert.Equal(made[0].Topic!.Id, made[1].Topic!.Id);
    }

    [Fact]
    public async Task The_metadata_database_that_does_not_answer_is_told_as_something_to_try_again()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        pair.Catalog.Changed = (_, _) => throw new MetadataUnavailableException("away");
        TopicChange change = await pair.First.Services!.Topics.CreateAsync(
            "t", 1, NoConfigs, false, "User:test", CancellationToken.None);
        Assert.Equal(KafkaError.RequestTimedOut, change.Error);
        Assert.Null(pair.First.Services.Topics.Find("t"));
    }

    [Fact]
    public async Task A_deletion_that_waits_for_the_store_keeps_no_word_of_other_changes_waiting()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync("t");
        TopicDirectory first = pair.First.Services!.Topics;
        List<string> forgotten = [];
        first.Deleted += topic => forgotten.Add(topic.Name);
        var store = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Storage.DestroyGate = store.Task;
        Task<TopicChange> deleting = first.DeleteAsync("t", "User:test", CancellationToken.None).AsTask();
        await BrokerHost.UntilAsync(() => first.Find("t") is null);

        // The image of the cluster is brought up to date by the same thread that brings this word: deaths would wait too.
        var other = new TopicRecord(Guid.NewGuid(), "other", [new StreamId(77)], NoConfigs, false);
        await first.ApplyAsync(other).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.NotNull(first.Find("other"));
        Assert.False(deleting.IsCompleted);
        store.SetResult();
        Assert.Equal((KafkaError.None, 1), ((await deleting).Error, forgotten.Count));
    }

    [Fact]
    public async Task A_topic_whose_records_can_not_be_deleted_now_is_gone_all_the_same_with_its_groups_offsets()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.First.Services!.Topics.CreateAsync("t", 3, NoConfigs, false, "User:test", CancellationToken.None);
        TopicDirectory first = pair.First.Services.Topics;
        Partition[] partitions = [.. first.Find("t")!.Partitions];
        List<string> forgotten = [];
        first.Deleted += topic => forgotten.Add(topic.Name);
        pair.Storage.DestroyGate = Task.FromException(new MetadataUnavailableException("away"));
        Assert.Equal(KafkaError.None, (await first.DeleteAsync("t", "User:test", CancellationToken.None)).Error);
        Assert.Equal(["t"], forgotten);
        Assert.All(partitions, partition => Assert.Equal(PartitionState.Deleted, partition.State));
    }

    [Fact]
    public async Task Two_brokers_that_change_configs_of_a_topic_at_the_same_time_both_have_their_way()
    {
        await using TwoBrokers pair = await TwoBrokers.StartAsync();
        await pair.CreateAsync("t", ("retention.ms", "77"));
        TopicDirectory first = pair.First.Services!.Topics;
        bool isFirst = true;
        pair.Catalog.SettingConfigs = name =>
        {
            if (isFirst)
            {
                isFirst = false;
                pair.Catalog.SetTopicConfigsAsync(
                    name, new Dictionary<string, string> { ["retention.ms"] = "77", ["cleanup.policy"] = "compact" }, "User:other").AsTask().Wait();
            }
        };
        TopicChange change = await first.SetConfigsAsync(
            "t", topic => new Dictionary<string, string>(topic.Configs) { ["retention.bytes"] = "9" }, "User:test", CancellationToken.None);
        Assert.Equal(["cleanup.policy", "retention.bytes", "retention.ms"], change.Topic!.Configs.Keys.Order());
        Assert.Equal(change.Topic.Configs, (await pair.Catalog.ListTopicsAsync()).Single().Configs);
        Assert.Same(change.Topic, first.Find("t"));
    }

    private static PartitionState[] StatesOf(TopicDirectory topics) => [.. topics.Find("t")!.Partitions.Select(partition => partition.State)];
}
