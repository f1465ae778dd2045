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

    /// <summary>
    /// The request times out and is carried out up to <see cref="LateMsMax"/> later, whoever may have given it up; half of these were also
    /// carried out in time, and come twice.
    /// </summary>
    public double Late { get; init; }

    public int LateMsMax { get; init; } = 30_000;

    /// <summary>The request is answered as it should be, and carried out once more up to <see cref="LateMsMax"/> later.</summary>
    public double Duplicate { get; init; }

    public int LatencyMsMax { get; init; } = 50;

    /// <summary>One request in so many is this much slower: the long tail.</summary>
    public double Slow { get; init; }

    public int SlowMsMax { get; init; } = 3000;
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

    /// <param name="isCut">Whether the sender can't reach the bucket now; requests and answers are then lost.</param>
    public IObjectStore Connect(Func<bool>? isCut = null) => new SimulatedObjectStore(this, isCut ?? (static () => false));

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
    /// <param name="keep">Copies what the request reads from its caller's buffers; called when it may take effect after its failure.</param>
    internal Task<T> Send<T>(string what, Func<T> effect, Func<bool> isCut, CancellationToken cancellation, Action? keep = null)
    {
        cancellation.ThrowIfCancellationRequested();
        Requests++;
        InFlight++;
        var answer = new TaskCompletionSource<T>();
        var request = new Request<T>(what, effect, answer) { IsCut = isCut, Keep = keep };
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
        if (request.IsCut() || Take(ref fate, Faults.Late))
        {
            await CarryOutLateAsync(request, isCut: request.IsCut());
            return;
        }

        if (storm || Take(ref fate, Faults.ErrorBefore))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(latencyMs / 2), time);
            Fail(request, storm ? "503 slow down" : "500 internal error");
            return;
        }

        if (Take(ref fate, Faults.Duplicate))
        {
            _ = world.Environment.Run(() => CarryOutAgainAsync(request));
        }

        bool timeout = Take(ref fate, Faults.Timeout);
        if (!timeout || _random.Next(2) == 0)
        {
            request.TakeEffect();
            world.Trace.Note(request.What, request.Outcome);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(timeout ? Faults.TimeoutMs : latencyMs - (latencyMs / 2)), time);
        if (timeout || request.IsCut() || Take(ref fate, Faults.ErrorAfter))
        {
            Fail(request, timeout ? "time-out" : "connection reset");
            return;
        }

        request.Answer();
    }

    private async Task CarryOutLateAsync<T>(Request<T> request, bool isCut)
    {
        TimeProvider time = world.Environment.Time;
        if (isCut)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Faults.TimeoutMs), time);
            Fail(request, "unreachable");
            return;
        }

        if (_random.Next(2) == 0)
        {
            request.TakeEffect();
            world.Trace.Note(request.What, request.Outcome);
        }

        Func<bool> late = request.TakeLate();
        await Task.Delay(TimeSpan.FromMilliseconds(Faults.TimeoutMs), time);
        Fail(request, "time-out");
        await CarryOutLaterAsync(request.What, late);
    }

    private async Task CarryOutAgainAsync<T>(Request<T> request)
    {
        InFlight++;
        await CarryOutLaterAsync(request.What, request.TakeLate());
        InFlight--;
    }

    private async Task CarryOutLaterAsync(string what, Func<bool> late)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(Faults.LateMsMax)), world.Environment.Time);
        world.Trace.Note("store.late", late() ? 1 : 0);
        world.Trace.Say($"  {what}");
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

    private sealed class Request<T>(string what, Func<T> effect, TaskCompletionSource<T> answer)
    {
        private T? _result;
        private Exception? _error;
        private bool _cancelled;

        public required Func<bool> IsCut { get; init; }

        public required Action? Keep { get; init; }

        public string What => what;

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

        /// <summary>The same effect, to be had again when the caller has long gone on. Only what writes matters then.</summary>
        public Func<bool> TakeLate()
        {
            if (_cancelled || Keep is null)
            {
                return static () => false;
            }

            Keep();
            return () =>
            {
                try
                {
                    effect();
                    return true;
                }
                catch (ObjectStoreException)
                {
                    return false;
                }
            };
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
