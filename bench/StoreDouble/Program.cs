using System.Globalization;
using PipeRoll.StoreDouble;

// store-double [--port N] [--seed N] [--bytes-max N] [--put P50/P99] [--get P50/P99] [--list P50/P99] [--delete P50/P99]
//   [--unavailable P] [--fail-before P] [--fail-after P] [--hang-before P] [--hang-after P] [--refuse 403|507] [--prefix wal/]
// Latencies in milliseconds, probabilities from 0 to 1. Prints `ready http=127.0.0.1:PORT` and serves until SIGTERM.
int port = 0;
int seed = 1;
long bytesMax = 4L << 30;
var plan = new FaultPlan();
try
{
    for (int i = 0; i < args.Length; i += 2)
    {
        string value = i + 1 < args.Length ? args[i + 1] : throw new FormatException($"{args[i]} needs a value");
        switch (args[i])
        {
            case "--port": port = int.Parse(value, CultureInfo.InvariantCulture); break;
            case "--seed": seed = int.Parse(value, CultureInfo.InvariantCulture); break;
            case "--bytes-max": bytesMax = long.Parse(value, CultureInfo.InvariantCulture); break;
            case "--put": plan = plan with { Put = Percentiles.Parse(value) }; break;
            case "--get": plan = plan with { Get = Percentiles.Parse(value) }; break;
            case "--list": plan = plan with { List = Percentiles.Parse(value) }; break;
            case "--delete": plan = plan with { Delete = Percentiles.Parse(value) }; break;
            case "--unavailable": plan = plan with { Unavailable = Probability(value) }; break;
            case "--fail-before": plan = plan with { FailBefore = Probability(value) }; break;
            case "--fail-after": plan = plan with { FailAfter = Probability(value) }; break;
            case "--hang-before": plan = plan with { HangBefore = Probability(value) }; break;
            case "--hang-after": plan = plan with { HangAfter = Probability(value) }; break;
            case "--refuse": plan = plan with { Refuse = int.Parse(value, CultureInfo.InvariantCulture) }; break;
            case "--prefix": plan = plan with { Prefix = value }; break;
            default: throw new FormatException($"there is no flag {args[i]}; see the head of bench/StoreDouble/Program.cs");
        }
    }

    if (plan.FindProblem() is { } problem)
    {
        throw new FormatException(problem);
    }
}
catch (FormatException wrong)
{
    Console.Error.WriteLine($"store-double: {wrong.Message}");
    return 2;
}

await using StoreDoubleServer server = await StoreDoubleServer.StartAsync(port, seed, bytesMax);
server.Faults = plan;
Console.WriteLine($"ready http={new Uri(server.Endpoint).Authority}");
await server.WaitAsync();
return 0;

static double Probability(string text) => double.Parse(text, CultureInfo.InvariantCulture);
