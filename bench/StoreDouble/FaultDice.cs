namespace PipeRoll.StoreDouble;

/// <summary>What happens to one request.</summary>
public enum Fate
{
    Served,
    Unavailable,
    FailBefore,
    FailAfter,
    HangBefore,
    HangAfter,
    Forbidden,
    Full,
}

/// <summary>Draws the latency and the fate of each request from a seed. The plan can be changed at any time.</summary>
public sealed class FaultDice(int seed)
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private volatile FaultPlan _plan = new();

    public FaultPlan Plan
    {
        get => _plan;
        set => _plan = value;
    }

    /// <param name="verb"><c>put</c>, <c>get</c>, <c>list</c> or <c>delete</c>.</param>
    /// <param name="key">Key in its bucket; empty for a request about the bucket.</param>
    public (Fate Fate, TimeSpan Latency) Throw(string verb, string key)
    {
        FaultPlan plan = _plan;
        Percentiles? latency = verb switch
        {
            "put" => plan.Put,
            "get" => plan.Get,
            "list" => plan.List,
            _ => plan.Delete,
        };
        double dice;
        double normal;
        lock (_lock)
        {
            dice = _random.NextDouble();
            normal = Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
        }

        Fate fate = key.StartsWith(plan.Prefix, StringComparison.Ordinal) ? FateOf(plan, verb, dice) : Fate.Served;
        return (fate, latency?.At(normal) ?? TimeSpan.Zero);
    }

    private static Fate FateOf(FaultPlan plan, string verb, double dice)
    {
        switch (plan.Refuse)
        {
            case 403: return Fate.Forbidden;
            case 507 when verb == "put": return Fate.Full;
            default: break;
        }

        (double Probability, Fate Fate)[] faces =
        [
            (plan.Unavailable, Fate.Unavailable), (plan.FailBefore, Fate.FailBefore), (plan.FailAfter, Fate.FailAfter),
            (plan.HangBefore, Fate.HangBefore), (plan.HangAfter, Fate.HangAfter),
        ];
        foreach ((double probability, Fate fate) in faces)
        {
            if (dice < probability)
            {
                return fate;
            }

            dice -= probability;
        }

        return Fate.Served;
    }
}
