using PipeRoll.Simulation.Engine;
using PipeRoll.Streams.Stores;

namespace PipeRoll.Simulation.Streams;

/// <summary>What may happen next in a <see cref="ChoiceBucket"/>.</summary>
internal readonly record struct ChoiceAction(string What, Action Perform);

/// <summary>
/// A bucket (and a database) whose requests wait until somebody chooses which of them takes effect, and how its answer gets lost: so that all
/// orders can be gone through.
/// </summary>
/// <param name="faults">How many requests may go wrong: a 500 that took effect, one that is delivered again later, one whose effect comes after its time-out.</param>
internal sealed class ChoiceBucket(SimulatedWorld world, int faults)
{
    private readonly List<Waiting> _waiting = [];
    private int _faults = faults;

    public SortedDictionary<string, byte[]> Objects { get; } = new(StringComparer.Ordinal);

    public IEnumerable<ChoiceAction> Actions() => _waiting.ToArray().SelectMany(ActionsOf);

    /// <summary>Ends when the effect was chosen.</summary>
    /// <param name="mayFail">Whether it is one that may go wrong and is sent again by whoever sent it.</param>
    public Task<T> Send<T>(string what, Func<T> effect, bool mayFail)
    {
        var answer = new TaskCompletionSource<T>();
        var waiting = new Waiting(what, mayFail);
        waiting.Effect = answered =>
        {
            try
            {
                T result = effect();
                world.Trace.Note(what, 1);
                Answer(() => answer.TrySetResult(result), answered);
            }
            catch (Exception refusal)
            {
                world.Trace.Note(what, 0);
                Answer(() => answer.TrySetException(refusal), answered);
            }
        };
        waiting.Lose = () => answer.TrySetException(new ObjectStoreException(ObjectStoreErrorKind.Transient, "simulated: no answer"));
        _waiting.Add(waiting);
        return answer.Task;
    }

    public IObjectStore Connect(SimulatedProcess process) => new ChoiceStore(this, process);

    private static void Answer(Action answer, bool answered)
    {
        if (answered)
        {
            answer();
        }
    }

    private IEnumerable<ChoiceAction> ActionsOf(Waiting waiting)
    {
        yield return new ChoiceAction(waiting.What, () =>
        {
            _waiting.Remove(waiting);
            waiting.Effect(!waiting.IsGhost);
        });
        if (!waiting.MayFail || waiting.IsGhost || _faults == 0)
        {
            yield break;
        }

        yield return new ChoiceAction($"{waiting.What}, and the answer is lost", () =>
        {
            _faults--;
            _waiting.Remove(waiting);
            waiting.Effect(false);
            waiting.Lose();
        });
        yield return new ChoiceAction($"{waiting.What}, and once more later", () =>
        {
            _faults--;
            waiting.Effect(true);
            waiting.IsGhost = true;
        });
        yield return new ChoiceAction($"{waiting.What} times out and comes later", () =>
        {
            _faults--;
            waiting.IsGhost = true;
            waiting.Lose();
        });
    }

    private sealed class Waiting(string what, bool mayFail)
    {
        public string What => what;

        public bool MayFail => mayFail;

        /// <summary>Nobody waits for its answer any more.</summary>
        public bool IsGhost { get; set; }

        public Action<bool> Effect { get; set; } = static _ => { };

        public Action Lose { get; set; } = static () => { };
    }

    /// <summary>One process' way to the bucket: sends again what may go wrong.</summary>
    private sealed class ChoiceStore(ChoiceBucket bucket, SimulatedProcess process) : IObjectStore
    {
        public async ValueTask PutAsync(
            string key, IReadOnlyList<ReadOnlyMemory<byte>> content, PutCondition condition = PutCondition.None,
            CancellationToken cancellation = default)
        {
            byte[] bytes = [.. content.SelectMany(static part => part.ToArray())];
            while (true)
            {
                try
                {
                    await bucket.Send($"{process.Name} puts {key[^2..]}", () => Put(key, bytes, condition), mayFail: true);
                    return;
                }
                catch (ObjectStoreException failure) when (failure.Transient)
                {
                    await process.DelayAsync(TimeSpan.FromMilliseconds(50));
                }
            }
        }

        public ValueTask<IObjectUpload> BeginUploadAsync(string key, CancellationToken cancellation = default) =>
            throw new NotSupportedException();

        public async ValueTask<int> ReadAsync(
            string key, long position, Memory<byte> destination, CancellationToken cancellation = default) =>
            await bucket.Send($"{process.Name} reads {key[^2..]}", () => Read(key, position, destination), mayFail: false);

        public async ValueTask DeleteAsync(IReadOnlyList<string> keys, CancellationToken cancellation = default) =>
            await bucket.Send($"{process.Name} deletes {keys.Count}", () => keys.Count(bucket.Objects.Remove), mayFail: false);

        public async ValueTask<IReadOnlyList<StoredObject>> ListAsync(
            string prefix, string after, int max, CancellationToken cancellation = default) =>
            await bucket.Send($"{process.Name} lists", () => List(after, max), mayFail: false);

        private bool Put(string key, byte[] bytes, PutCondition condition)
        {
            if (condition == PutCondition.IfAbsent && bucket.Objects.ContainsKey(key))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.AlreadyExists, $"simulated: {key} exists");
            }

            bucket.Objects[key] = bytes;
            return true;
        }

        private int Read(string key, long position, Memory<byte> destination)
        {
            if (!bucket.Objects.TryGetValue(key, out byte[]? bytes))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.NotFound, $"simulated: no object {key}");
            }

            int count = (int)Math.Clamp(bytes.Length - position, 0, destination.Length);
            bytes.AsMemory((int)Math.Min(position, bytes.Length), count).CopyTo(destination);
            return count;
        }

        private List<StoredObject> List(string after, int max) =>
        [
            .. bucket.Objects.Where(o => string.CompareOrdinal(o.Key, after) > 0).Take(max)
                .Select(static o => new StoredObject(o.Key, o.Value.Length)),
        ];
    }
}
