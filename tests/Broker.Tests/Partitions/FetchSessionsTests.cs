using CsCheck;
using PipeRoll.Broker.Partitions;
using PipeRoll.Wire;
using PipeRoll.Wire.Framing;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Tests.Partitions;

public sealed class FetchSessionsTests
{
    private int _lastId;

    [Fact]
    public void A_session_remembers_what_it_was_told_and_forgets_what_it_was_told_to()
    {
        FetchSessions sessions = Sessions();
        FetchPlan first = sessions.Begin(Request(0, 0, [("a", 0, 5), ("a", 1, 6), ("b", 0, 7)]), false);
        Assert.Equal((KafkaError.None, 1, false, 3), (first.Error, first.SessionId, first.IsIncremental, first.Items.Count));
        FetchPlan second = sessions.Begin(Request(1, 1, [("a", 1, 9)], [("b", 0)]), false);
        Assert.True(second.IsIncremental);
        Assert.Equal([("a", 0, 5L), ("a", 1, 9L)], second.Items.Select(item => (item.Key.Topic!, item.Key.Partition, item.Offset)));
        FetchPlan third = sessions.Begin(Request(1, 2, []), false);
        Assert.Equal(2, third.Items.Count);
    }

    [Fact]
    public void Wrong_sessions_are_refused_each_with_its_own_error()
    {
        FetchSessions sessions = Sessions();
        Assert.Equal(KafkaError.FetchSessionIdNotFound, sessions.Begin(Request(5, 1, []), false).Error);
        FetchPlan plan = sessions.Begin(Request(0, 0, [("a", 0, 0)]), false);
        Assert.Equal(KafkaError.InvalidFetchSessionEpoch, sessions.Begin(Request(plan.SessionId, 2, []), false).Error);
        Assert.Equal(KafkaError.FetchSessionTopicIdError, sessions.Begin(Request(plan.SessionId, 1, []), true).Error);
        Assert.Equal(KafkaError.None, sessions.Begin(Request(plan.SessionId, 1, []), false).Error);
        Assert.Equal(KafkaError.InvalidFetchSessionEpoch, sessions.Begin(Request(plan.SessionId, 1, []), false).Error);
    }

    [Fact]
    public void Closing_a_session_fetches_once_more_without_one()
    {
        FetchSessions sessions = Sessions();
        FetchPlan plan = sessions.Begin(Request(0, 0, [("a", 0, 0)]), false);
        FetchPlan last = sessions.Begin(Request(plan.SessionId, -1, [("a", 0, 3)]), false);
        Assert.Equal((0, 1, 0), (last.SessionId, last.Items.Count, sessions.Count));
        Assert.Equal(KafkaError.FetchSessionIdNotFound, sessions.Begin(Request(plan.SessionId, 1, []), false).Error);
    }

    [Fact]
    public void Only_a_session_that_was_unused_for_long_enough_makes_room()
    {
        var time = new SteppedTime();
        var sessions = new FetchSessions(2, evictionMs: 100, time, () => ++_lastId);
        FetchPlan one = sessions.Begin(Request(0, 0, [("a", 0, 0)]), false);
        time.Advance(60);
        FetchPlan two = sessions.Begin(Request(0, 0, [("a", 0, 0)]), false);
        Assert.Equal(0, sessions.Begin(Request(0, 0, [("a", 0, 0)]), false).SessionId);
        time.Advance(60);
        FetchPlan three = sessions.Begin(Request(0, 0, [("a", 0, 0)]), false);
        Assert.NotEqual(0, three.SessionId);
        Assert.Equal(KafkaError.FetchSessionIdNotFound, sessions.Begin(Request(one.SessionId, 1, []), false).Error);
        Assert.Equal(KafkaError.None, sessions.Begin(Request(two.SessionId, 1, []), false).Error);
        Assert.Equal(2, sessions.Count);
    }

    [Fact]
    public void Incremental_answers_name_what_changed_and_serve_others_first_next_time()
    {
        FetchSessions sessions = Sessions();
        FetchPlan plan = sessions.Begin(Request(0, 0, [("a", 0, 0), ("a", 1, 0)]), false);
        Assert.All(plan.Items, item => Assert.True(sessions.MustAnswer(plan, item, Answer(10))));
        plan = sessions.Begin(Request(plan.SessionId, 1, []), false);
        Assert.All(plan.Items, item => Assert.False(sessions.MustAnswer(plan, item, Answer(10))));
        Assert.True(sessions.MustAnswer(plan, plan.Items[0], Answer(11)));
        Assert.False(sessions.MustAnswer(plan, plan.Items[0], Answer(11)));
        Assert.True(sessions.MustAnswer(plan, plan.Items[0], Answer(11, error: KafkaError.NotLeaderOrFollower)));
        // After an error it is told that all is well again.
        Assert.True(sessions.MustAnswer(plan, plan.Items[0], Answer(11)));
        Assert.True(sessions.MustAnswer(plan, plan.Items[0], Answer(11, records: 1)));
        plan = sessions.Begin(Request(plan.SessionId, 2, []), false);
        Assert.Equal([1, 0], plan.Items.Select(item => item.Key.Partition));
    }

    /// <summary>Whatever changes are sent, a session fetches exactly the partitions that remain, at their last offsets.</summary>
    [Fact]
    public void A_session_is_the_sum_of_its_requests() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 100], Gen.Bool).Array[0, 4].Array[1, 20].Sample(requests =>
        {
            FetchSessions sessions = Sessions();
            var model = new Dictionary<int, long> { [99] = 0 };
            FetchPlan plan = sessions.Begin(Request(0, 0, [("t", 99, 0)]), false);
            int epoch = 0;
            foreach ((int Partition, int Offset, bool Forget)[] changes in requests)
            {
                var wanted = changes.Where(change => !change.Forget)
                    .Select(change => ("t", change.Partition, (long)change.Offset)).ToArray();
                var forgotten = changes.Where(change => change.Forget).Select(change => ("t", change.Partition)).ToArray();
                foreach ((_, int partition, long offset) in wanted)
                {
                    model[partition] = offset;
                }

                foreach ((_, int partition) in forgotten)
                {
                    model.Remove(partition);
                }

                plan = sessions.Begin(Request(plan.SessionId, ++epoch, wanted, forgotten), false);
                Assert.Equal(model.OrderBy(pair => pair.Key).Select(pair => (pair.Key, pair.Value)),
                    plan.Items.OrderBy(item => item.Key.Partition).Select(item => (item.Key.Partition, item.Offset)));
            }
        });

    private FetchSessions Sessions() => new(10, 1_000, TimeProvider.System, () => ++_lastId);

    private static FetchRequest Request(
        int session, int epoch, (string Topic, int Partition, long Offset)[] wanted,
        (string Topic, int Partition)[]? forgotten = null) => new()
        {
            SessionId = session,
            SessionEpoch = epoch,
            Topics = [.. wanted.Select(want => new FetchRequest.FetchTopic
            {
                Topic = want.Topic,
                Partitions = [new() { Partition = want.Partition, FetchOffset = want.Offset, PartitionMaxBytes = 1000 }],
            })],
            ForgottenTopicsData =
                [.. (forgotten ?? []).Select(key => new FetchRequest.ForgottenTopic { Topic = key.Topic, Partitions = [key.Partition] })],
        };

    private static FetchResponse.PartitionData Answer(long highWatermark, KafkaError error = KafkaError.None, int records = 0) => new()
    {
        HighWatermark = highWatermark,
        LogStartOffset = 0,
        ErrorCode = (short)error,
        Records = new RecordsPayload(new byte[records]),
    };

    private sealed class SteppedTime : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(int milliseconds) => _now = _now.AddMilliseconds(milliseconds);
    }
}
