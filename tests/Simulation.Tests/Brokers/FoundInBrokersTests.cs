using PipeRoll.Simulation.Engine;
using PipeRoll.Simulation.Faults;

namespace PipeRoll.Simulation.Brokers;

/// <summary>What simulation found in brokers, each as a range of seeds around the conditions of its story.</summary>
public sealed class FoundInBrokersTests
{
    /// <summary>
    /// A partition that could not be opened refused a producer's first batch; its second, sent right behind, came when the partition
    /// was open, and was taken, because nothing was known of the producer. The first was out of order from then on.
    /// </summary>
    [Fact]
    public void A_batch_refused_while_its_partition_opens_is_not_overtaken_by_the_next_one() => Seeds.ForEach(
        200,
        static world => BrokerScenario.RunAsync(world, BrokerBug.None, static plan => plan with
        {
            Storage = plan.Storage with { Metadata = new MetadataFaults { ErrorBefore = 0.2, ErrorAfter = 0.2, LatencyMsMax = 10 } },
            Fleet = plan.Fleet with { Members = 0, Producer = plan.Fleet.Producer with { PauseMsMax = 0, InFlightMax = 5 } },
        }),
        fallbackFrom: 20_001);

    /// <summary>
    /// A fetch whose last part of a millisecond was left asked for a timer of less than its unit, which fires at once, and went round
    /// and round until the time had passed. And one whose time ran out beside an opening partition showed that as empty, without an error.
    /// </summary>
    [Fact]
    public void A_fetch_at_the_end_of_its_wait_neither_spins_nor_takes_an_opening_partition_for_an_empty_one() => Seeds.ForEach(
        100,
        static world => BrokerScenario.RunAsync(world, BrokerBug.None, static plan => plan with
        {
            Storage = plan.Storage with { Metadata = new MetadataFaults { LatencyMsMax = 200 } },
            Network = plan.Network with { LatencyMicrosecondsMax = 40_000 },
            Fleet = plan.Fleet with { Readers = 3 },
        }),
        fallbackFrom: 21_001);
}
