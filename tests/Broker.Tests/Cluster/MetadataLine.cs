using System.Reflection;
using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Metadata;

namespace PipeRoll.Broker.Tests.Cluster;

/// <summary>
/// The one database as one broker sees it: each call takes a while both ways; the line may be cut, and an answer may be lost after the
/// call took effect.
/// </summary>
internal class MetadataLine : DispatchProxy
{
    private static readonly MethodInfo Generic =
        typeof(MetadataLine).GetMethod(nameof(CallAsync), BindingFlags.NonPublic | BindingFlags.Instance)!;

    private IMetadataStore _inner = null!;
    private SimulatedProcess _process = null!;
    private Random _random = null!;

    public bool IsCut { get; set; }

    /// <summary>Names of calls whose next answer is lost.</summary>
    public HashSet<string> LoseAnswerOf { get; } = [];

    /// <summary>How often each call was made.</summary>
    public Dictionary<string, int> Calls { get; } = [];

    public int LatencyMsMax { get; set; } = 5;

    public static (IMetadataStore Store, MetadataLine Line) To(IMetadataStore inner, SimulatedProcess process, Random random)
    {
        IMetadataStore store = Create<IMetadataStore, MetadataLine>();
        var line = (MetadataLine)(object)store;
        line._inner = inner;
        line._process = process;
        line._random = random;
        return (store, line);
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        Calls[targetMethod!.Name] = Calls.GetValueOrDefault(targetMethod.Name) + 1;
        Type result = targetMethod.ReturnType;
        if (result == typeof(ValueTask))
        {
            return new ValueTask(CallAsync(targetMethod, args, async call =>
            {
                await (ValueTask)call;
                return true;
            }).AsTask());
        }

        Type value = result.GetGenericArguments()[0];
        MethodInfo unwrap = typeof(MetadataLine).GetMethod(nameof(UnwrapAsync), BindingFlags.NonPublic | BindingFlags.Static)!
            .MakeGenericMethod(value);
        Delegate wait = unwrap.CreateDelegate(typeof(Func<,>).MakeGenericType(typeof(object), typeof(Task<>).MakeGenericType(value)));
        return Generic.MakeGenericMethod(value).Invoke(this, BindingFlags.DoNotWrapExceptions, null, [targetMethod, args, wait], null);
    }

    private static Task<T> UnwrapAsync<T>(object call) => ((ValueTask<T>)call).AsTask();

    private async ValueTask<T> CallAsync<T>(MethodInfo method, object?[]? args, Func<object, Task<T>> wait)
    {
        await PassAsync(method);
        T answer = await wait(method.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null)!);
        await PassAsync(method);
        return LoseAnswerOf.Remove(method.Name)
            ? throw new MetadataUnavailableException($"the answer of {method.Name} was lost")
            : answer;
    }

    private async Task PassAsync(MethodInfo method)
    {
        await _process.DelayAsync(TimeSpan.FromMilliseconds(_random.Next(LatencyMsMax + 1) / 2.0));
        if (IsCut)
        {
            throw new MetadataUnavailableException($"{method.Name}: the database can't be reached");
        }
    }
}
