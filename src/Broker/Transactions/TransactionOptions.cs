namespace PipeRoll.Broker.Transactions;

/// <summary>Limits and times of transactions. Names and defaults follow Kafka's broker configs where there is one.</summary>
public sealed record TransactionOptions
{
    /// <summary><c>transaction.state.log.num.partitions</c>, when the topic is made.</summary>
    public int StateTopicPartitions { get; init; } = 50;

    /// <summary><c>transaction.max.timeout.ms</c>: the longest timeout that a producer may ask for.</summary>
    public int TimeoutMaxMs { get; init; } = 900_000;

    /// <summary><c>transactional.id.expiration.ms</c>: an id that was not used for so long is forgotten.</summary>
    public long IdExpirationMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>transaction.abort.timed.out.transaction.cleanup.interval.ms</c>; Kafka looks every ten seconds.</summary>
    public int TimeoutCheckMs { get; init; } = 1_000;

    /// <summary>Transactional ids that one broker coordinates.</summary>
    public int IdsMax { get; init; } = 100_000;

    /// <summary>Partitions of one transaction.</summary>
    public int PartitionsMax { get; init; } = 50_000;

    /// <summary>How long a producer's request waits for the end of its last transaction before it is told to come again.</summary>
    public int SettleWaitMs { get; init; } = 2_000;

    /// <summary>How long records wait for the coordinator of their transaction.</summary>
    public int PermitWaitMs { get; init; } = 5_000;

    /// <summary>Every error at once, each saying the setting, its value and what is allowed; empty when all is well.</summary>
    public IReadOnlyList<string> Validate()
    {
        List<string> errors = [];
        AtLeast(errors, nameof(StateTopicPartitions), StateTopicPartitions, 1);
        AtLeast(errors, nameof(TimeoutMaxMs), TimeoutMaxMs, 1);
        AtLeast(errors, nameof(IdExpirationMs), IdExpirationMs, 1);
        AtLeast(errors, nameof(TimeoutCheckMs), TimeoutCheckMs, 1);
        AtLeast(errors, nameof(IdsMax), IdsMax, 1);
        AtLeast(errors, nameof(PartitionsMax), PartitionsMax, 1);
        AtLeast(errors, nameof(SettleWaitMs), SettleWaitMs, 0);
        AtLeast(errors, nameof(PermitWaitMs), PermitWaitMs, 0);
        return errors;
    }

    private static void AtLeast(List<string> errors, string name, long value, long min)
    {
        if (value < min)
        {
            errors.Add($"{nameof(BrokerOptions.Transactions)}.{name} is {value}: it must be at least {min}");
        }
    }
}
