namespace PipeRoll.Streams.Metadata;

/// <summary>
/// Membership, leases, the controller's place and who owns which partition. Every call is one transaction; each change writes its
/// entry of the <c>metadata_log</c> within it, and all clocks are the database's.
/// </summary>
/// <remarks>Failure: <see cref="MetadataUnavailableException"/> when the database is away; every call may be repeated.</remarks>
public interface IClusterCatalog
{
    /// <summary>
    /// Begins a new life of the node. An earlier life of the same <see cref="BrokerEndpoint.NodeId"/> that is alive or draining is
    /// fenced in the same transaction: its log awaits recovery. Log: <c>broker.registered</c>, <c>broker.fenced</c>.
    /// </summary>
    ValueTask<BrokerEpoch> RegisterBrokerAsync(BrokerEndpoint endpoint, TimeSpan session, CancellationToken cancellation = default);

    /// <summary>
    /// Extends the lease, notes the load, and takes or keeps the controller's place when <see cref="HeartbeatRequest.MayLead"/> and the
    /// place is free (its lease has passed, or its holder is not alive), under the next term. Log: <c>controller.changed</c> only.
    /// </summary>
    ValueTask<Heartbeat> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellation = default);

    ValueTask<ClusterSnapshot> ReadClusterAsync(CancellationToken cancellation = default);

    /// <summary>All lives that are not yet forgotten, by epoch.</summary>
    ValueTask<IReadOnlyList<BrokerRecord>> ReadBrokersAsync(CancellationToken cancellation = default);

    /// <summary>One topic with its placements, or null.</summary>
    ValueTask<TopicRecord?> ReadTopicAsync(string name, CancellationToken cancellation = default);

    /// <summary>
    /// Ends when the metadata log has an entry above <paramref name="after"/>, or after <paramref name="max"/>. Notified by the database
    /// where it can, polling behind that. Returns the log's end.
    /// </summary>
    ValueTask<long> WaitForLogAsync(long after, TimeSpan max, CancellationToken cancellation = default);

    /// <summary>
    /// The controller fences every broker whose lease has passed. Log: <c>broker.fenced</c>, one per broker.
    /// </summary>
    /// <returns>Who was fenced now.</returns>
    /// <exception cref="BrokerFencedException">The term is over.</exception>
    ValueTask<IReadOnlyList<BrokerEpoch>> FenceExpiredAsync(ControllerTerm term, CancellationToken cancellation = default);

    /// <summary>
    /// A broker fences another one before its lease has passed, having found that nobody listens where it should: of whom no more than
    /// <paramref name="leaseLeftMax"/> is left of the lease, which is how long it has been silent. Log: <c>broker.fenced</c>.
    /// </summary>
    /// <returns>False when it is not that silent, or serves no longer.</returns>
    /// <exception cref="BrokerFencedException"><paramref name="by"/> is neither alive nor draining.</exception>
    ValueTask<bool> FenceSilentAsync(
        BrokerEpoch by, BrokerEpoch silent, TimeSpan leaseLeftMax, CancellationToken cancellation = default);

    /// <summary>
    /// The controller has <paramref name="recoverer"/> recover the log of a fenced broker, or of one whose recoverer is itself no longer
    /// alive or draining. Log: <c>broker.recovering</c>.
    /// </summary>
    /// <returns>False when that broker is not to be recovered (any more), or the recoverer is not alive.</returns>
    /// <exception cref="BrokerFencedException">The term is over.</exception>
    ValueTask<bool> AssignRecoveryAsync(
        ControllerTerm term, BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default);

    /// <summary>Everything acknowledged by <paramref name="dead"/> is committed: it is gone. Log: <c>broker.gone</c>. Repeating it is no error.</summary>
    /// <exception cref="BrokerFencedException"><paramref name="recoverer"/> is not (or no longer) who recovers it.</exception>
    ValueTask FinishRecoveryAsync(BrokerEpoch dead, BrokerEpoch recoverer, CancellationToken cancellation = default);

    /// <summary>
    /// The controller gives partitions whose owner is none or gone to brokers that are alive: owner, epoch + 1, no target. What does not
    /// hold any more (another epoch, an owner that is not gone, a new owner that is not alive) is left out. Log: <c>partitions.placed</c>.
    /// </summary>
    /// <returns>The placements that took effect.</returns>
    /// <exception cref="BrokerFencedException">The term is over.</exception>
    ValueTask<IReadOnlyList<PartitionPlacement>> AssignPartitionsAsync(
        ControllerTerm term, IReadOnlyList<PartitionAssignment> assignments, CancellationToken cancellation = default);

    /// <summary>
    /// Sets to whom partitions are to be handed over: an operator, a client or the balancer asks. A target of none, or the present
    /// owner, calls a move off. A target that is not alive, or a stream that is gone, is left out. Log: <c>partitions.move.requested</c>.
    /// </summary>
    /// <returns>The placements that changed.</returns>
    ValueTask<IReadOnlyList<PartitionPlacement>> RequestMovesAsync(
        string principal, IReadOnlyList<(StreamId Stream, BrokerEpoch Target)> moves, CancellationToken cancellation = default);

    /// <summary>
    /// The owner hands partitions over to their targets: owner = target, epoch + 1, no target, sealed at the end offset, checkpoint
    /// stored. One whose epoch or owner differs, or whose target is none or no longer alive, is left out (and its target cleared when
    /// that is not alive, which is a <c>partitions.move.requested</c>). Log: <c>partitions.placed</c>.
    /// </summary>
    /// <remarks>
    /// Repeated after a lost answer, what was handed over the first time is left out. Its epoch tells: above the owner's
    /// (<see cref="IMetadataStore.ReadStreamsAsync"/>) it was handed over, else the owner still has it.
    /// </remarks>
    /// <returns>The placements that took effect.</returns>
    /// <exception cref="MetadataConflictException">An end offset lies below what is committed or sealed.</exception>
    /// <exception cref="BrokerFencedException">The owner is neither alive nor draining.</exception>
    ValueTask<IReadOnlyList<PartitionPlacement>> HandOverAsync(
        BrokerEpoch owner, IReadOnlyList<PartitionHandOver> partitions, CancellationToken cancellation = default);

    /// <summary>The broker is to leave: it serves until its partitions are handed over. Log: <c>broker.draining</c>.</summary>
    /// <returns>False when there is no such broker, or it is neither alive nor draining (already: then nothing is logged again).</returns>
    ValueTask<bool> DrainBrokerAsync(BrokerEpoch broker, string principal, CancellationToken cancellation = default);

    /// <summary>
    /// A clean stop: everything that the broker's log holds is committed. Streams that it still owns stay its own until the controller
    /// places them anew. Log: <c>broker.gone</c>. Repeating it is no error.
    /// </summary>
    /// <exception cref="BrokerFencedException">It was fenced before, or is not known (any more).</exception>
    ValueTask RetireBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default);

    /// <summary>The controller marks a broker as too slow to be given more, or takes that back. Log: <c>broker.excluded</c>, <c>broker.included</c>.</summary>
    /// <exception cref="BrokerFencedException">The term is over.</exception>
    ValueTask ExcludeBrokerAsync(ControllerTerm term, BrokerEpoch broker, bool excluded, CancellationToken cancellation = default);

    /// <summary>Notes that the broker's log needs no object below <paramref name="first"/>; never moves back. Only then may those be deleted.</summary>
    /// <exception cref="BrokerFencedException">The broker is neither alive nor draining: whoever recovers it counts on what is there.</exception>
    ValueTask AdvanceWalAsync(BrokerEpoch broker, long first, CancellationToken cancellation = default);

    /// <summary>Lives that have been gone for at least <paramref name="grace"/>: their logs' objects may be deleted, and they forgotten.</summary>
    ValueTask<IReadOnlyList<BrokerEpoch>> ListGoneBrokersAsync(TimeSpan grace, CancellationToken cancellation = default);

    /// <summary>Forgets a life that is gone. No log entry: nothing governed changes. No error when there is no such life.</summary>
    ValueTask ForgetBrokerAsync(BrokerEpoch broker, CancellationToken cancellation = default);

    /// <summary>Replaces what is known of the loads of the broker's partitions.</summary>
    ValueTask SavePartitionLoadsAsync(
        BrokerEpoch broker, IReadOnlyList<PartitionLoad> loads, CancellationToken cancellation = default);

    /// <summary>The newest loads of all partitions that have any.</summary>
    ValueTask<IReadOnlyList<PartitionLoad>> ReadPartitionLoadsAsync(CancellationToken cancellation = default);
}
