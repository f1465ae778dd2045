using PipeRoll.Wire;

namespace PipeRoll.Client;

/// <summary>What went wrong between this client and the cluster, and whether the same call may be right a moment later.</summary>
public sealed class ClientException : Exception
{
    public ClientException(string message, bool isRetriable, Exception? inner = null)
        : base(message, inner) => IsRetriable = isRetriable;

    public ClientException(string what, KafkaError error)
        : base($"{what}: {error}")
    {
        Error = error;
        IsRetriable = IsTransient(error);
    }

    /// <summary>What the broker said; <see cref="KafkaError.None"/> if it said nothing.</summary>
    public KafkaError Error { get; } = KafkaError.None;

    public bool IsRetriable { get; }

    internal static void ThrowOn(short error, string what)
    {
        if (error != 0)
        {
            throw new ClientException(what, (KafkaError)error);
        }
    }

    /// <summary>Leaders, coordinators and brokers come and go: these pass.</summary>
    internal static bool IsTransient(KafkaError error) => error is
        KafkaError.LeaderNotAvailable or KafkaError.NotLeaderOrFollower or KafkaError.RequestTimedOut or KafkaError.BrokerNotAvailable
        or KafkaError.ReplicaNotAvailable or KafkaError.NetworkException or KafkaError.CoordinatorLoadInProgress
        or KafkaError.CoordinatorNotAvailable or KafkaError.NotCoordinator or KafkaError.NotEnoughReplicas
        or KafkaError.NotEnoughReplicasAfterAppend or KafkaError.UnknownTopicOrPartition or KafkaError.KafkaStorageError
        or KafkaError.FencedLeaderEpoch or KafkaError.UnknownLeaderEpoch or KafkaError.ConcurrentTransactions
        or KafkaError.UnstableOffsetCommit or KafkaError.UnknownTopicId;
}
