using System.Reflection;

namespace PipeRoll.Wire.Tests.Fuzz;

/// <summary>
/// Random and mutated input for every target: only <see cref="WireFormatException"/> comes out, and the memory it costs
/// is bounded by its size. PIPEROLL_FUZZ_INPUTS raises the number of inputs, PIPEROLL_FUZZ_SEED moves them.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int InputsDefault = 4000;

    public static TheoryData<string> TargetNames => [.. Targets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(TargetNames))]
    public void NoInputCrashesOrCostsMoreThanItsSizeAllows(string name)
    {
        FuzzTarget target = Targets.All.Single(candidate => candidate.Name == name);
        int inputs = Setting("PIPEROLL_FUZZ_INPUTS", InputsDefault);
        int seed = Setting("PIPEROLL_FUZZ_SEED", 20261123);
        target.Body(Corpus.Valid(name, new Random(seed)));
        double perByteMax = 0;
        for (int number = 0; number < inputs; number++)
        {
            var random = new Random(HashCode(seed, number));
            byte[] input = number % 4 == 0 ? Noise(random) : Corpus.Mutated(Corpus.Valid(name, random), random);

            long allocated = Run(target, input, $"{name}, seed {seed}, input {number}: {Convert.ToHexString(input)}");

            perByteMax = Math.Max(perByteMax, (allocated - 20_000.0) / Math.Max(1, input.Length));
            Assert.True(
                allocated <= Targets.FixedBytes + ((long)Targets.BytesPerByte * input.Length),
                $"{allocated} bytes for {input.Length}: {name}, seed {seed}, input {number}");
        }

        output.WriteLine($"{name}: {inputs} inputs, at most {perByteMax:F1} bytes allocated for a byte above the first 20,000");
    }

    [Theory]
    [MemberData(nameof(TargetNames))]
    public void ValidInputIsAccepted(string name)
    {
        FuzzTarget target = Targets.All.Single(candidate => candidate.Name == name);
        for (int number = 0; number < 200; number++)
        {
            byte[] valid = Corpus.Valid(name, new Random(number));
            Assert.Null(Record.Exception(() => target.Body(valid)));
        }
    }

    /// <summary>
    /// What costs the most for its size is an array of the smallest elements. An element may cost half of the factor:
    /// the other half is for names in it, of which a second byte costs a string and its entry in the cache of names. One without
    /// strings of its own needs less of that half.
    /// </summary>
    [Fact]
    public void TheSmallestElementsCostLessThanHalfTheFactor()
    {
        double worst = 0;
        foreach (Type structure in Messages.MessageCatalog.All.SelectMany(kind => kind.Type.GetNestedTypes()))
        {
            FieldInfo bytesMin = structure.GetField("BytesMin", BindingFlags.NonPublic | BindingFlags.Static)!;
            Activator.CreateInstance(structure);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Activator.CreateInstance(structure);
            long bytes = GC.GetAllocatedBytesForCurrentThread() - before + IntPtr.Size;
            bool hasStrings = structure.GetProperties().Any(property => property.PropertyType == typeof(string));
            double cost = (double)bytes / (int)bytesMin.GetRawConstantValue()!;
            worst = Math.Max(worst, hasStrings ? cost : cost * 2 / 3);
        }

        output.WriteLine($"at most {worst:F1} bytes allocated for a byte");
        Assert.InRange(worst, 1, Targets.BytesPerByte / 2.0);
    }

    /// <summary>The same, shown on whole messages: an array that fills the input with the smallest elements.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void ArraysThatFillTheInputStayWithinTheFactor(int elementBytes)
    {
        const int Count = 10_000;
        FuzzTarget target = Targets.All.Single(candidate => candidate.Name == "message");
        byte[] input = new byte[32 + (Count * elementBytes)];
        double worst = 0;
        for (int message = 0; message < Messages.MessageCatalog.All.Count; message++)
        {
            Messages.MessageKind kind = Messages.MessageCatalog.All[message];
            for (int version = 0; version <= kind.Info.MaxVersion - kind.Info.MinVersion; version++)
            {
                foreach (byte[] claim in (byte[][])[[0x90, 0x4E], [0, 0, 0x27, 0x10]])
                {
                    for (int prefix = 2; prefix < 20; prefix++)
                    {
                        input.AsSpan(0, 32).Clear();
                        input[0] = (byte)message;
                        input[1] = (byte)version;
                        claim.CopyTo(input.AsSpan(prefix));
                        worst = Math.Max(worst, Run(target, input, $"{kind.Info.Name} {version}") / (double)input.Length);
                    }
                }
            }
        }

        output.WriteLine($"at most {worst:F1} bytes allocated for a byte");
        Assert.True(worst <= Targets.BytesPerByte, $"{worst:F1} bytes allocated for a byte");
    }

    private static long Run(FuzzTarget target, byte[] input, string what)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            target.Body(input);
        }
        catch (WireFormatException)
        {
            // The one exception that bytes from outside may cause.
        }
        catch (Exception other)
        {
            throw new InvalidOperationException($"{what}: {other.GetType()}", other);
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static byte[] Noise(Random random)
    {
        byte[] noise = new byte[random.Next(200)];
        random.NextBytes(noise);
        for (int index = 0; index < noise.Length; index++)
        {
            noise[index] = random.Next(3) == 0 ? (byte)0 : noise[index];
        }

        return noise;
    }

    private static int HashCode(int seed, int number) => unchecked((seed * 31) + (number * 7919));

    private static int Setting(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), out int value) ? value : otherwise;
}
