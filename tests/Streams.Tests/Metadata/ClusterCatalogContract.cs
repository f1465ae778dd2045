using PipeRoll.Streams.Metadata;

namespace PipeRoll.Streams.Tests.Metadata;

/// <summary>Lives of brokers, the controller's place and recovery, as <see cref="IClusterCatalog"/> promises them.</summary>
public abstract class ClusterCatalogContract : MetadataContract
{
    internal ClusterCatalogContract(ITestDatabase database)
        : base(database)
    {
    }

    [Fact]
    public async Task Epochs_ascend_and_a_new_life_of_a_node_fences_the_one_before()
    {
        BrokerEpoch first = await RegisterAsync(7);
        BrokerEpoch other = await RegisterAsync(8);
        BrokerEpoch second = await RegisterAsync(7);
        Assert.True(first.Value > 0 && other.Value > first.Value && second.Value > other.Value);
        Assert.Equal(
            [(first, BrokerState.Fenced), (other, BrokerState.Alive), (second, BrokerState.Alive)],
            (await Store.ReadBrokersAsync()).Select(b => (b.Epoch, b.State)));
        Assert.Equal(Endpoint(8), (await BrokerAsync(other)).Endpoint);
        Assert.Equal(["broker.registered", "broker.registered", "broker.fenced", "broker.registered"], await KindsAsync());
        Assert.Contains($"\"broker\":{first},\"node\":7,\"by\":{second}", (await Store.ReadLogAsync(2, 1))[0].Payload, StringComparison.Ordinal);
        Assert.False((await BeatAsync(first)).IsAccepted);
        Assert.True((await BeatAsync(second)).IsAccepted);
    }

    [Fact]
    public async Task A_draining_life_is_replaced_too_but_one_that_is_gone_stays_gone()
    {
        BrokerEpoch draining = await RegisterAsync(1);
        await Store.DrainBrokerAsync(draining, "op");
        BrokerEpoch second = await RegisterAsync(1);
        Assert.Equal(BrokerState.Fenced, (await BrokerAsync(draining)).State);
        await Store.RetireBrokerAsync(second);
        await RegisterAsync(1);
        Assert.Equal(BrokerState.Gone, (await BrokerAsync(second)).State);
    }

    [Fact]
    public async Task A_heartbeat_extends_the_lease_and_notes_the_load_without_a_log_entry()
    {
        BrokerEpoch broker = await RegisterAsync();
        long before = (await BrokerAsync(broker)).LeaseUntilMs;
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        Heartbeat heartbeat = await BeatAsync(broker);
        Assert.Equal((true, 1L, BrokerEpoch.None), (heartbeat.IsAccepted, heartbeat.LogEnd, heartbeat.Controller.Broker));
        BrokerRecord record = await BrokerAsync(broker);
        Assert.Equal(before + 2000, record.LeaseUntilMs);
        Assert.Equal(record.LeaseUntilMs, heartbeat.NowMs + (long)Session.TotalMilliseconds);
        Assert.Equal(new BrokerLoad(1, 2, 3), record.Load);
        Assert.Equal(["broker.registered"], await KindsAsync());
        Assert.False((await BeatAsync(new BrokerEpoch(99))).IsAccepted);
    }

    [Fact]
    public async Task The_controllers_place_goes_to_one_at_a_time_under_rising_terms()
    {
        BrokerEpoch first = await RegisterAsync();
        BrokerEpoch second = await RegisterAsync();
        Assert.Equal(new ControllerTerm(first, 1), (await BeatAsync(first, true)).Controller);
        Assert.Equal(new ControllerTerm(first, 1), (await BeatAsync(second, true)).Controller);
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(new ControllerTerm(first, 1), (await BeatAsync(first, true)).Controller);
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(new ControllerTerm(first, 1), (await BeatAsync(second, true)).Controller);
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(BrokerEpoch.None, (await BeatAsync(second)).Controller.Broker);
        Assert.Equal(new ControllerTerm(second, 2), (await BeatAsync(second, true)).Controller);
        Assert.Equal(new ControllerTerm(second, 2), (await BeatAsync(first, true)).Controller);
        Assert.Equal(new ControllerTerm(second, 2), (await Store.ReadClusterAsync()).Controller);
        Assert.Equal(["controller.changed", "controller.changed"], (await KindsAsync()).Skip(2));
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FenceExpiredAsync(new ControllerTerm(first, 1)));
    }

    [Fact]
    public async Task The_place_is_free_as_soon_as_its_holder_drains_or_is_replaced()
    {
        ControllerTerm first = await LeadAsync();
        BrokerEpoch other = await RegisterAsync();
        await Store.DrainBrokerAsync(first.Broker, "op");
        Assert.Equal(first, (await BeatAsync(first.Broker, true)).Controller);
        Assert.Equal(new ControllerTerm(other, 2), (await BeatAsync(other, true)).Controller);
        BrokerEpoch again = await RegisterAsync((await BrokerAsync(other)).Endpoint.NodeId);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FenceExpiredAsync(new ControllerTerm(other, 2)));
        Assert.Equal(new ControllerTerm(again, 3), (await BeatAsync(again, true)).Controller);
    }

    [Fact]
    public async Task Only_brokers_whose_lease_has_passed_are_fenced_and_only_under_a_term_that_lasts()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch quiet = await RegisterAsync();
        BrokerEpoch draining = await RegisterAsync();
        await Store.DrainBrokerAsync(draining, "op");
        Assert.Empty(await Store.FenceExpiredAsync(term));
        await AdvanceAsync(TimeSpan.FromSeconds(2));
        await BeatAsync(term.Broker, true);
        await AdvanceAsync(TimeSpan.FromSeconds(1));
        long end = await LogEndAsync();
        Assert.Equal([quiet, draining], await Store.FenceExpiredAsync(term));
        Assert.Empty(await Store.FenceExpiredAsync(term));
        Assert.Equal(["broker.fenced", "broker.fenced"], await KindsAsync(end));
        Assert.False((await BeatAsync(quiet)).IsAccepted);
        await AdvanceAsync(Session);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FenceExpiredAsync(term));
        Assert.True((await BeatAsync(term.Broker, true)).IsAccepted);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FenceExpiredAsync(term with { Term = 7 }));
        Assert.Empty(await Store.FenceExpiredAsync(term with { Term = 2 }));
    }

    [Fact]
    public async Task Whoever_is_silent_can_be_fenced_before_the_lease_has_passed()
    {
        BrokerEpoch one = await RegisterAsync();
        BrokerEpoch two = await RegisterAsync();
        TimeSpan half = Session / 2;
        await AdvanceAsync(half - TimeSpan.FromSeconds(0.5));
        Assert.False(await Store.FenceSilentAsync(one, two, half));
        await AdvanceAsync(TimeSpan.FromSeconds(0.5));
        Assert.Equal(new QuietBroker(two, half), (await BeatAsync(one)).Quietest);
        Assert.Equal(one, (await BeatAsync(two)).Quietest!.Value.Broker);
        Assert.False(await Store.FenceSilentAsync(one, two, half));
        await AdvanceAsync(half);
        Assert.True(await Store.FenceSilentAsync(one, two, half));
        Assert.False(await Store.FenceSilentAsync(one, two, half));
        Assert.False((await BeatAsync(two)).IsAccepted);
        Assert.Null((await BeatAsync(one)).Quietest);
        Assert.Equal("broker.fenced", (await KindsAsync()).Last());
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FenceSilentAsync(two, one, half));
    }

    [Fact]
    public async Task A_dead_log_is_recovered_by_one_survivor_at_a_time()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch dead = await RegisterAsync();
        BrokerEpoch survivor = await RegisterAsync();
        Assert.False(await Store.AssignRecoveryAsync(term, dead, survivor));
        await KillOthersAsync(term, term.Broker, survivor);
        long end = await LogEndAsync();
        Assert.False(await Store.AssignRecoveryAsync(term, dead, dead));
        Assert.False(await Store.AssignRecoveryAsync(term, new BrokerEpoch(99), survivor));
        Assert.True(await Store.AssignRecoveryAsync(term, dead, survivor));
        Assert.True(await Store.AssignRecoveryAsync(term, dead, survivor));
        Assert.False(await Store.AssignRecoveryAsync(term, dead, term.Broker));
        Assert.Equal(["broker.recovering"], await KindsAsync(end));
        Assert.Equal((BrokerState.Recovering, survivor), ((await BrokerAsync(dead)).State, (await BrokerAsync(dead)).Recoverer));
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FinishRecoveryAsync(dead, term.Broker));

        // The recoverer dies: another goes on, and the first may not finish.
        await KillOthersAsync(term, term.Broker);
        Assert.True(await Store.AssignRecoveryAsync(term, dead, term.Broker));
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.FinishRecoveryAsync(dead, survivor));
        await Store.FinishRecoveryAsync(dead, term.Broker);
        await Store.FinishRecoveryAsync(dead, term.Broker);
        Assert.Equal(BrokerState.Gone, (await BrokerAsync(dead)).State);
        Assert.False(await Store.AssignRecoveryAsync(term, dead, term.Broker));
        Assert.Equal(["broker.fenced", "broker.recovering", "broker.gone"], await KindsAsync(end + 1));
    }

    [Fact]
    public async Task Draining_is_asked_for_once_and_retiring_ends_a_life_cleanly()
    {
        BrokerEpoch broker = await RegisterAsync();
        Assert.True(await Store.DrainBrokerAsync(broker, "op"));
        Assert.True(await Store.DrainBrokerAsync(broker, "op"));
        Assert.False(await Store.DrainBrokerAsync(new BrokerEpoch(99), "op"));
        Assert.True((await BeatAsync(broker)).IsAccepted);
        await Store.RetireBrokerAsync(broker);
        await Store.RetireBrokerAsync(broker);
        Assert.False(await Store.DrainBrokerAsync(broker, "op"));
        Assert.False((await BeatAsync(broker)).IsAccepted);
        Assert.Equal(["broker.registered", "broker.draining", "broker.gone"], await KindsAsync());
        Assert.Equal("op", (await Store.ReadLogAsync(1, 1))[0].Principal);
    }

    [Fact]
    public async Task Who_was_fenced_can_not_retire()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch dead = await RegisterAsync();
        await KillOthersAsync(term, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.RetireBrokerAsync(dead));
        await Store.AssignRecoveryAsync(term, dead, term.Broker);
        await Store.FinishRecoveryAsync(dead, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.RetireBrokerAsync(dead));
    }

    [Fact]
    public async Task A_slow_broker_is_excluded_and_taken_back_by_the_controller()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch slow = await RegisterAsync();
        long end = await LogEndAsync();
        await Store.ExcludeBrokerAsync(term, slow, true);
        await Store.ExcludeBrokerAsync(term, slow, true);
        Assert.True((await BrokerAsync(slow)).IsExcluded);
        await Store.ExcludeBrokerAsync(term, slow, false);
        Assert.False((await BrokerAsync(slow)).IsExcluded);
        Assert.Equal(["broker.excluded", "broker.included"], await KindsAsync(end));
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.ExcludeBrokerAsync(term with { Term = 5 }, slow, true));
    }

    [Fact]
    public async Task The_trim_point_of_a_log_moves_up_only_and_only_for_one_that_serves()
    {
        ControllerTerm term = await LeadAsync();
        BrokerEpoch broker = await RegisterAsync();
        Assert.Equal(1, (await BrokerAsync(broker)).WalFirst);
        await Store.AdvanceWalAsync(broker, 10);
        await Store.AdvanceWalAsync(broker, 5);
        Assert.Equal(10, (await BrokerAsync(broker)).WalFirst);
        await KillOthersAsync(term, term.Broker);
        await Assert.ThrowsAsync<BrokerFencedException>(async () => await Store.AdvanceWalAsync(broker, 20));
        Assert.Equal(10, (await BrokerAsync(broker)).WalFirst);
    }

    [Fact]
    public async Task Gone_lives_are_forgotten_after_a_grace_and_no_others()
    {
        BrokerEpoch gone = await RegisterAsync();
        BrokerEpoch alive = await RegisterAsync();
        await Store.RetireBrokerAsync(gone);
        long end = await LogEndAsync();
        Assert.Empty(await Store.ListGoneBrokersAsync(TimeSpan.FromMinutes(1)));
        await AdvanceAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([gone], await Store.ListGoneBrokersAsync(TimeSpan.FromMinutes(1)));
        await Store.ForgetBrokerAsync(gone);
        await Store.ForgetBrokerAsync(gone);
        await Store.ForgetBrokerAsync(alive);
        Assert.Equal([alive], (await Store.ReadBrokersAsync()).Select(b => b.Epoch));
        Assert.Equal(end, await LogEndAsync());
        Assert.True((await RegisterAsync()).Value > alive.Value);
    }

    [Fact]
    public async Task Waiting_for_the_log_ends_with_its_next_entry_or_in_time()
    {
        long end = await LogEndAsync();
        Assert.Equal(end, await Store.WaitForLogAsync(end, TimeSpan.FromMilliseconds(20)));
        Task<long> waiting = Store.WaitForLogAsync(end, TimeSpan.FromMinutes(5)).AsTask();
        await RegisterAsync();
        Assert.Equal(end + 1, await waiting.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(end + 1, await Store.WaitForLogAsync(end, TimeSpan.FromMinutes(5)));
        using var stop = new CancellationTokenSource();
        Task<long> cancelled = Store.WaitForLogAsync(end + 1, TimeSpan.FromMinutes(5), stop.Token).AsTask();
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
    }
}
