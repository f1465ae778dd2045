using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Faults;

/// <summary>How bad an object store is. Probabilities per request.</summary>
public sealed record StoreFaults
{
    public static readonly StoreFaults None = new();

    /// <summary>The request fails and has done nothing.</summary>
    public double ErrorBefore { get; init; }

    /// <summary>The request fails but was carried out.</summary>
    public double ErrorAfter { get; init; }

    /// <summary>The request times out after <see cref="TimeoutMs"/>; half of these were carried out.</summary>
    public double Timeout { get; init; }

    public int TimeoutMs { get; init; } = 10_000;

    public int LatencyMsMax { get; init; } = 50;

    /// <summary>One request in so many is this much slower: the long tail.</summary>
    public double Slow { get; init; }

    public int SlowMsMax { get; init; } = 3000;

    /// <summary>A put times out after <see cref="TimeoutMs"/>, and takes effect up to <see cref="LateMsMax"/> after that.</summary>
    public double Late { get; init; }

    /// <summary>A put is delivered once more, up to <see cref="LateMsMax"/> after its answer.</summary>
    public double Duplicate { get; init; }

    public int LateMsMax { get; init; } = 60_000;
}

/// <summary>
/// The objects of one bucket, strongly consistent as S3 is: a request takes effect at one instant between its start
/// and its end, whatever becomes of its sender.
/// </summary>
/// <remarks>Owner: the scenario; outlives all processes. Runs in <see cref="SimulatedWorld.Environment"/>.</remarks>
public sealed class SimulatedBucket(SimulatedWorld world, StoreFaults faults)
{
    private readonly Random _random = world.RandomFor("bucket");
    private readonly SortedDictionary<string, byte[]> _objects = new(StringComparer.Ordinal);
    private long _stormUntilTicks;

    /// <summary>May be changed during the run.</summary>
    public StoreFaults Faults { get; set; } = faults;

    public IReadOnlyCollection<string> Keys => _objects.Keys;

    public long Requests { get; private set; }

    /// <summary>Requests sent and not yet decided, of living and dead processes.</summary>
    public int InFlight { get; private set; }

    internal SortedDictionary<string, byte[]> Objects => _objects;

    public IObjectStore Connect() => new SimulatedObjectStore(this);

    /// <summary>For so long nearly every request is answered with 503.</summary>
    public void StartStorm(TimeSpan duration)
    {
        world.Trace.Note("store.storm", duration.Ticks);
        _stormUntilTicks = world.Clock.NowTicks + duration.Ticks;
    }

    /// <summary>
    /// Sends a request. <paramref name="effect"/> runs once, at the instant when the store carries it out, or never.
    /// The task may fail and the effect happen nevertheless.
    /// </summary>
    /// <param name="again">For puts: makes the effect once more, later, when the sender's buffers may be in use again.</param>
    internal Task<T> Send<T>(string what, Func<T> effect, CancellationToken cancellation, Func<Action>? again = null)
    {
        cancellation.ThrowIfCancellationRequested();
        Requests++;
        InFlight++;
        var answer = new TaskCompletionSource<T>();
        var request = new Request<T>(what, effect, answer, again);
        CancellationTokenRegistration registration = cancellation.Register(() => request.Cancel(cancellation));
        _ = world.Environment.Run(async () =>
        {
            await CarryOutAsync(request);
            InFlight--;
            await registration.DisposeAsync();
        });
        return answer.Task;
    }

    private async Task CarryOutAsync<T>(Request<T> request)
    {
        TimeProvider time = world.Environment.Time;
        double fate = _random.NextDouble();
        bool storm = world.Clock.NowTicks < _stormUntilTicks && _random.Next(10) != 0;
        int latencyMs = _random.NextDouble() < Faults.Slow ? _random.Next(Faults.SlowMsMax) : _random.Next(Faults.LatencyMsMax);
        await Task.Delay(TimeSpan.FromMilliseconds(latencyMs / 2), time);
        if (storm || Take(ref fate, Faults.ErrorBefore))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(latencyMs / 2), time);
            Fail(request, storm ? "503 slow down" : "500 internal error");
            return;
        }

        if (request.Again is not null && Take(ref fate, Faults.Late))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Faults.TimeoutMs), time);
            TakeEffectLater(request);
            Fail(request, "time-out of a late put");
            return;
        }

        if (request.Again is not null && Take(ref fate, Faults.Duplicate))
        {
            TakeEffectLater(request);
        }

        bool timeout = Take(ref fate, Faults.Timeout);
        if (!timeout || _random.Next(2) == 0)
        {
            request.TakeEffect();
            world.Trace.Note(request.What, request.Outcome);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(timeout ? Faults.TimeoutMs : latencyMs - (latencyMs / 2)), time);
        if (timeout || Take(ref fate, Faults.ErrorAfter))
        {
            Fail(request, timeout ? "time-out" : "connection reset");
            return;
        }

        request.Answer();
    }

    /// <summary>The network kept a copy of the request.</summary>
    private void TakeEffectLater<T>(Request<T> request)
    {
        if (request.IsCancelled)
        {
            return; // its buffers are the caller's again
        }

        Action again = request.Again!();
        InFlight++;
        _ = world.Environment.Run(async () =>
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(Faults.LateMsMax)), world.Environment.Time);
            InFlight--;
            try
            {
                again();
                world.Trace.Note("store.late", 1);
            }
            catch (ObjectStoreException)
            {
                world.Trace.Note("store.late", 0); // nobody is there to hear the refusal
            }
        });
    }

    private static bool Take(ref double fate, double probability)
    {
        bool hit = fate >= 0 && fate < probability;
        fate -= probability;
        return hit;
    }

    private void Fail<T>(Request<T> request, string why)
    {
        world.Trace.Note("store.error");
        world.Trace.Say($"  {request.What}: {why}");
        request.Fail(new ObjectStoreException(ObjectStoreErrorKind.Transient, $"simulated: {why}"));
    }

    private sealed class Request<T>(string what, Func<T> effect, TaskCompletionSource<T> answer, Func<Action>? again)
    {
        private T? _result;
        private Exception? _error;
        private bool _cancelled;

        public string What => what;

        public Func<Action>? Again => again;

        public bool IsCancelled => _cancelled;

        public long Outcome => _error is null ? 1 : 0;

        public void TakeEffect()
        {
            if (_cancelled)
            {
                return; // its buffers are the caller's again
            }

            try
            {
                _result = effect();
            }
            catch (ObjectStoreException error)
            {
                _error = error;
            }
        }

        public void Answer()
        {
            if (_error is not null)
            {
                answer.TrySetException(_error);
            }
            else
            {
                answer.TrySetResult(_result!);
            }
        }

        public void Fail(Exception error) => answer.TrySetException(error);

        public void Cancel(CancellationToken cancellation)
        {
            _cancelled = true;
            answer.TrySetCanceled(cancellation);
        }
    }
}
