using System.Globalization;

namespace PipeRoll.Broker.Quotas;

/// <summary>What is limited.</summary>
internal enum QuotaKind
{
    Produce,
    Consume,
    Request,
    Mutation,
    Connection,
}

/// <summary>Names of quotas as Kafka documents them, and what values they take.</summary>
internal static class QuotaKey
{
    public const string ProducerByteRate = "producer_byte_rate";
    public const string ConsumerByteRate = "consumer_byte_rate";
    public const string RequestPercentage = "request_percentage";
    public const string ControllerMutationRate = "controller_mutation_rate";
    public const string ConnectionCreationRate = "connection_creation_rate";

    public static string NameOf(QuotaKind kind) => kind switch
    {
        QuotaKind.Produce => ProducerByteRate,
        QuotaKind.Consume => ConsumerByteRate,
        QuotaKind.Request => RequestPercentage,
        QuotaKind.Mutation => ControllerMutationRate,
        _ => ConnectionCreationRate,
    };

    /// <returns>Null when the quota may be set for the entity, else what is wrong.</returns>
    public static string? Validate(string key, double value, QuotaEntity entity)
    {
        bool isOfIp = entity.Parts.ContainsKey(QuotaEntity.Ip);
        bool isKnown = isOfIp
            ? key == ConnectionCreationRate
            : key is ProducerByteRate or ConsumerByteRate or RequestPercentage or ControllerMutationRate;
        if (!isKnown)
        {
            return $"Invalid configuration key {key} for {(isOfIp ? "an ip" : "a user or client-id")}.";
        }

        if (!double.IsFinite(value) || value <= 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{key} is {value}: it must be more than 0.");
        }

        bool isWhole = key is ProducerByteRate or ConsumerByteRate or ConnectionCreationRate;
        return isWhole && (value > long.MaxValue || value != Math.Floor(value))
            ? string.Create(CultureInfo.InvariantCulture, $"{key} is {value}: it must be a whole number.")
            : null;
    }
}
