using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Broker.Topics;
using PipeRoll.Streams;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Balancing;

/// <summary>
/// Plans moves that bring bytes in, bytes out and, where that costs no balance of bytes, the number of partitions of every broker near the
/// mean; excluded brokers lose load little by little.
/// </summary>
/// <remarks>
/// Pure. Nothing is done while everybody lies within the dead band; once somebody does not, moves go on until all lie within half of it:
/// loads that waver at the edge of the band cause no moves. Draining brokers neither give (they do that by themselves) nor take.
/// </remarks>
internal static class Balancer
{
    /// <summary>A move must be better by this much than one that only just helps.</summary>
    private const double Margin = 1.25;

    /// <summary>A partition that is a smaller part of what is wanted than one in so many is not moved for its bytes.</summary>
    private const double PartMax = 2_000;


    public static IReadOnlyList<BalanceMove> Plan(
        ClusterImage image, IReadOnlyDictionary<StreamId, PartitionLoad> loads, IReadOnlySet<StreamId> resting, BalanceSettings settings)
    {
        var model = new BalanceModel(image, loads, resting, settings);
        var moves = new List<BalanceMove>();
        if (model.Eligible.Count == 0)
        {
            return moves;
        }

        Relieve(model, settings, moves);
        foreach (BalanceMeasure measure in Enum.GetValues<BalanceMeasure>())
        {
            // Numbers last, and only when bytes are at rest: else a partition would be moved for its number and back for its bytes.
            if (!model.IsUneven(measure, settings.DeadBand) || (measure == BalanceMeasure.Partitions && moves.Count > 0))
            {
                continue;
            }

            while (moves.Count < settings.MovesMax && model.IsUneven(measure, settings.DeadBand / 2)
                && Best(model, measure) is { } move)
            {
                moves.Add(move);
            }
        }

        return moves;
    }

    /// <summary>Excluded brokers: the heaviest partitions first, a few in each round.</summary>
    private static void Relieve(BalanceModel model, BalanceSettings settings, List<BalanceMove> moves)
    {
        int perRound = Math.Max(1, settings.MovesMax / 5);
        foreach (BalanceBroker from in model.Brokers.Where(broker => broker.IsExcluded))
        {
            BalancePartition[] heaviest =
            [
                .. from.Movable.OrderByDescending(model.Weight).ThenBy(partition => partition.Stream.Value).Take(perRound),
            ];
            foreach (BalancePartition partition in heaviest)
            {
                BalanceBroker? to = model.Eligible.Where(broker => model.KeepsRacks(partition, from, broker))
                    .OrderBy(broker => model.Share(partition, broker)).ThenBy(model.Weight)
                    .ThenBy(broker => broker[BalanceMeasure.Partitions]).ThenBy(broker => broker.Epoch.Value).FirstOrDefault();
                if (to is not null)
                {
                    moves.Add(model.Move(partition, from, to));
                }
            }
        }
    }

    private static BalanceMove? Best(BalanceModel model, BalanceMeasure measure)
    {
        double mean = model.Mean(measure);
        foreach (BalanceBroker from in model.Eligible
            .OrderByDescending(broker => broker[measure]).ThenBy(broker => broker.Epoch.Value).TakeWhile(broker => broker[measure] > mean))
        {
            // Within the rack if anybody there has less than the mean; else whoever has least.
            IEnumerable<BalanceBroker> targets = model.Eligible.Where(broker => broker[measure] < mean)
                .OrderBy(broker => broker.Rack != from.Rack).ThenBy(broker => broker[measure]).ThenBy(broker => broker.Epoch.Value);
            foreach (BalanceBroker to in targets)
            {
                BalancePartition? partition = measure == BalanceMeasure.Partitions
                    ? ForCount(model, from, to)
                    : ForBytes(model, measure, mean, from, to);
                if (partition is not null)
                {
                    return model.Move(partition, from, to);
                }
            }
        }

        return null;
    }

    /// <summary>The partition that comes nearest to what the one has too much and the other too little.</summary>
    private static BalancePartition? ForBytes(
        BalanceModel model, BalanceMeasure measure, double mean, BalanceBroker from, BalanceBroker to)
    {
        double wanted = Math.Min(from[measure] - mean, mean - to[measure]);
        return from.Movable
            .Where(partition => partition[measure] > wanted / PartMax
                && model.BytesChange(partition, from, to, Margin) < 0
                && model.KeepsMaximum(partition, to) && model.KeepsRacks(partition, from, to))
            .OrderBy(partition => Math.Abs(partition[measure] - wanted)).ThenBy(partition => partition.Stream.Value)
            .FirstOrDefault();
    }

    /// <summary>The lightest partition, of the topic that is most uneven between the two.</summary>
    private static BalancePartition? ForCount(BalanceModel model, BalanceBroker from, BalanceBroker to)
    {
        if (from[BalanceMeasure.Partitions] - to[BalanceMeasure.Partitions] < 2)
        {
            return null;
        }

        return from.Movable
            .Where(partition => model.BytesChange(partition, from, to) <= 0 && !IsKeptForItsClients(model, partition, from, to)
                && model.KeepsMaximum(partition, to) && model.KeepsRacks(partition, from, to))
            .OrderBy(model.Weight)
            .ThenByDescending(partition => model.OnBroker(partition, from) - model.OnBroker(partition, to))
            .ThenBy(partition => partition.Stream.Value)
            .FirstOrDefault();
    }

    /// <summary>
    /// A partition of groups or transactions is never idle, whatever its bytes say: each move has its clients look for their coordinator
    /// anew, and those with short sessions lose them. Such topics are spread evenly, and are not moved to make up for others.
    /// </summary>
    private static bool IsKeptForItsClients(BalanceModel model, BalancePartition partition, BalanceBroker from, BalanceBroker to) =>
        TopicNames.IsInternal(partition.Topic) && model.OnBroker(partition, from) - model.OnBroker(partition, to) < 2;
}
