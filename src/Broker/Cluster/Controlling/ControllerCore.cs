using PipeRoll.Broker.Cluster.Image;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Cluster.Controlling;

/// <summary>
/// What a controller does about deaths: fence who is silent, have every dead log recovered, all of them at the same time and by as many
/// survivors as there are, and give partitions without an owner to live brokers.
/// </summary>
/// <remarks>Pure: the same image gives the same actions. The catalog leaves out what no longer holds, so acting on an old image harms nobody.</remarks>
internal static class ControllerCore
{
    public const int AssignmentsMax = 1_000;

    /// <param name="mayJudge">
    /// The controller itself has been in contact with the database for a whole session: so has everybody had time to be.
    /// </param>
    public static IReadOnlyList<ControllerAction> Plan(ClusterImage image, bool mayJudge)
    {
        var actions = new List<ControllerAction>();
        if (mayJudge)
        {
            actions.Add(new ControllerAction.FenceExpired());
        }

        actions.AddRange(Recoveries(image));
        actions.AddRange(Assignments(image).Chunk(AssignmentsMax).Select(some => new ControllerAction.AssignPartitions(some)));
        return actions;
    }

    /// <summary>Whether the life can own nothing any more: it is gone, or forgotten.</summary>
    public static bool IsGone(ClusterImage image, BrokerEpoch broker) =>
        image.Broker(broker) is not { } record || record.State == BrokerState.Gone;

    private static IEnumerable<ControllerAction> Recoveries(ClusterImage image)
    {
        BrokerRecord[] alive = [.. image.Brokers.Values.Where(broker => broker.State == BrokerState.Alive)];
        BrokerRecord[] well = [.. alive.Where(broker => !broker.IsExcluded)];
        BrokerRecord[] survivors = well.Length > 0 ? well : alive;
        if (survivors.Length == 0)
        {
            yield break;
        }

        Dictionary<long, int> busy = survivors.ToDictionary(survivor => survivor.Epoch.Value, _ => 0);
        foreach (BrokerRecord dead in image.Brokers.Values.Where(broker => broker.State == BrokerState.Recovering))
        {
            if (busy.TryGetValue(dead.Recoverer.Value, out int recovering))
            {
                busy[dead.Recoverer.Value] = recovering + 1;
            }
        }

        foreach (BrokerRecord dead in image.Brokers.Values.Where(broker => AwaitsRecovery(image, broker)))
        {
            BrokerRecord chosen = survivors
                .OrderBy(survivor => busy[survivor.Epoch.Value])
                .ThenBy(survivor => survivor.Load.BytesInPerSecond + survivor.Load.BytesOutPerSecond)
                .ThenBy(survivor => survivor.Epoch.Value)
                .First();
            busy[chosen.Epoch.Value]++;
            yield return new ControllerAction.AssignRecovery(dead.Epoch, chosen.Epoch);
        }
    }

    private static bool AwaitsRecovery(ClusterImage image, BrokerRecord broker) => broker.State switch
    {
        BrokerState.Fenced => true,
        BrokerState.Recovering => image.Broker(broker.Recoverer) is not { } recoverer || !ClusterImage.Serves(recoverer),
        _ => false,
    };

    private static IEnumerable<PartitionAssignment> Assignments(ClusterImage image)
    {
        // Only lives that are gone: what a dead broker acknowledged must be committed before another may write behind it.
        PartitionEntry[] homeless =
        [
            .. image.Partitions.Values.Where(entry => entry.Placement.Owner.IsNone || IsGone(image, entry.Placement.Owner))
                .OrderBy(entry => entry.Topic, StringComparer.Ordinal).ThenBy(entry => entry.Index),
        ];
        if (homeless.Length == 0)
        {
            yield break;
        }

        var chooser = new PlacementChooser(image);
        foreach (PartitionEntry entry in homeless)
        {
            if (chooser.Choose(entry.Topic) is { } owner)
            {
                yield return new PartitionAssignment(entry.Placement.Stream, entry.Placement.Epoch, owner);
            }
        }
    }
}
