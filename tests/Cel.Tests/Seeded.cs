using System.Globalization;
using CsCheck;

namespace PipeRoll.Cel.Tests;

/// <summary>Runs a property on the same samples each time; PIPEROLL_TEST_SEED=number takes others.</summary>
internal static class Seeded
{
    public static void Each<T>(Gen<T> generator, int count, Action<T> property, Func<T, string>? print = null)
    {
        string? chosen = Environment.GetEnvironmentVariable("PIPEROLL_TEST_SEED");
        ulong seed = chosen is null ? 20_261_123UL : ulong.Parse(chosen, CultureInfo.InvariantCulture);
        var random = new PCG(1, seed);
        for (int index = 0; index < count; index++)
        {
            T sample = generator.Generate(random, null, out _);
            try
            {
                property(sample);
            }
            catch (Exception failure)
            {
                string shown = print is null ? $"{sample}" : print(sample);
                throw new InvalidOperationException($"Sample {index} of seed {seed}: {shown}\n{failure.Message}", failure);
            }
        }
    }
}
