using System.Reflection;

namespace PipeRoll.Streams.Tests.Support;

/// <summary>Implements a large interface by the few calls that a test is about; every other one fails the test.</summary>
public class PartialFake : DispatchProxy
{
    private Func<string, object?[], object?> _call = static (name, _) => throw new NotSupportedException(name);

    /// <param name="call">Name and arguments of the call to its result.</param>
    public static T Of<T>(Func<string, object?[], object?> call)
        where T : class
    {
        T fake = Create<T, PartialFake>();
        ((PartialFake)(object)fake)._call = call;
        return fake;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _call(targetMethod!.Name, args!);
}
